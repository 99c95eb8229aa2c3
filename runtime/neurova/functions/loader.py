"""From files under functions/ to functions that can be called."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ..endpoints.function import Function, function_of
from ..errors import BindError, LoadError
from ..resources import Resources
from .decorators import ATTRIBUTE, Description
from .generation import ForeignImport, Generation
from .mounts import Mount

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_GENERATION = re.compile(r"(functions\.\w+)~\d+")
_PARAMETER = re.compile(r"\{[^}*]*\}")


class Service:
    """The functions of one folder, all of one generation.

    Apps that are mounted live as long as their generation serves: `start` before, `stop` after.
    """

    __slots__ = ("functions", "name")

    def __init__(self, name: str, functions: tuple[Function, ...]) -> None:
        self.name = name
        self.functions = functions

    async def start(self) -> None:
        """Start the apps. Raises LoadError for one that fails; then none has been started."""
        try:
            for function in self.functions:
                await function.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop the apps that were started, each when its calls in flight have ended."""
        for function in self.functions:
            await function.stop()

    def __repr__(self) -> str:
        return f"<Service {self.name}, {len(self.functions)} functions>"


def discover(root: Path) -> list[str]:
    """Return the names of the services under `root`, sorted.

    Raises LoadError when the folder is missing or a service has a name that cannot be.
    """
    _present(root)
    names = sorted(folder.name for folder in root.iterdir())
    return [name for name in names if is_service(root, name)]


def is_service(root: Path, name: str) -> bool:
    """Tell whether the folder `name` under `root` is a service, whatever the others are.

    Raises LoadError when `root` is missing or the service has a name that cannot be.
    """
    _present(root)
    folder = root / name
    if name.startswith(("_", ".")) or not folder.is_dir():
        return False
    if next(folder.glob("*.py"), None) is None:
        return False
    if not _NAME.fullmatch(name):
        raise LoadError(
            f"{_shown(root, folder)}: a service's name is lower case letters, digits and _: "
            "rename the folder"
        )
    return True


def _present(root: Path) -> None:
    if not root.is_dir():
        raise LoadError(f"{root}: no such folder: make it with `neurova new project NAME`")


def load_service(root: Path, service: str, resources: Resources) -> Service:
    """Import `service` afresh and bind its functions; what was loaded before is left alone.

    Raises LoadError, or BindError, that says every fault with file, line and fix.
    """
    root = root.absolute()
    folder = root / service
    if not folder.is_dir():
        raise LoadError(f"{_shown(root, folder)}: no such folder: a service is a folder there")
    try:
        generation = Generation(folder, service)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _fault(root, folder / "__init__.py", error) from error
    functions: list[Function] = []
    faults: list[LoadError] = []
    for file in sorted(folder.glob("*.py")):
        if file.name.startswith("_"):
            continue
        try:
            function = _load_file(root, file, service, generation, resources)
            if function is not None:
                functions.append(function)
        except LoadError as error:
            faults.append(error)
    faults += _twice(functions)
    if faults:
        raise _together(faults)
    return Service(service, tuple(functions))


def check_routes(functions: Iterable[Function]) -> None:
    """Raise LoadError when two functions answer one route; parameters' names do not matter."""
    seen: dict[tuple[str, str], Function] = {}
    faults = []
    for function in functions:
        description = function.description
        path = description.path
        if "{" in path:
            path = _PARAMETER.sub("{}", path)
        first = function  # or what is met first by any of the methods
        for method in description.methods or (description.method,):
            met = seen.setdefault((method, path), function)
            if first is function:
                first = met
        if first is not function:
            faults.append(
                LoadError(
                    f"{function.file}:{function.line}: {function.name} answers "
                    f"{description.method} {description.path}, and so does {first.name} "
                    f"({first.file}:{first.line}): change the path of one of them"
                )
            )
    if faults:
        raise _together(faults)


def _load_file(
    root: Path, file: Path, service: str, generation: Generation, resources: Resources
) -> Function | None:
    shown = _shown(root, file)
    if not file.stem.isidentifier():
        raise LoadError(f"{shown}: a file's name is letters, digits and _: rename it")
    try:
        module = generation.load(file.stem)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _fault(root, file, error) from error
    found = _handlers(module)
    if not found:
        return None
    if len(found) > 1:
        names = " and ".join(name for name, _, _ in found)
        raise LoadError(f"{shown}:{found[1][2]}: one handler a file: give {names} a file each")
    name, value, _ = found[0]
    if isinstance(value, Mount):
        from ..endpoints.mounted_app import MountedApp

        return MountedApp(value, name, service, shown, resources, generation)
    return function_of(value, vars(value)[ATTRIBUTE], service, shown, resources, generation)
    return function_of(value, vars(value)[ATTRIBUTE], service, shown, resources, generation)


def _handlers(module: ModuleType) -> list[tuple[str, Any, int]]:
    """Return the name, value and line of what the file itself decorated or mounted.

    What it imported from a sibling is not its own.
    """
    found: dict[int, tuple[str, Any, int]] = {}
    for name, value in vars(module).items():
        if isinstance(value, Mount):
            if value.module == module.__name__:
                found.setdefault(id(value), (name, value, value.line))
        elif type(value) is FunctionType or callable(value):
            try:
                description = vars(value).get(ATTRIBUTE)
            except TypeError:
                continue
            if isinstance(description, Description) and value.__module__ == module.__name__:
                line = getattr(getattr(value, "__code__", None), "co_firstlineno", 1)
                found[id(value)] = (getattr(value, "__name__", name), value, line)
    return list(found.values())


def _twice(functions: list[Function]) -> list[LoadError]:
    seen: dict[str, Function] = {}
    return [
        LoadError(
            f"{function.file}:{function.line}: {function.name} is in {first.file}:{first.line} "
            "too: rename one of the functions"
        )
        for function in functions
        if (first := seen.setdefault(function.name, function)) is not function
    ]


def _together(faults: list[LoadError]) -> LoadError:
    unique = list({str(fault): fault for fault in faults}.values())
    if len(unique) == 1:
        return unique[0]
    kind = BindError if all(isinstance(fault, BindError) for fault in unique) else LoadError
    return kind("\n".join(map(str, unique)))


def _shown(root: Path, path: Path) -> str:
    """Return a path as people see it: from the folder that holds functions/."""
    try:
        return path.relative_to(root.parent).as_posix()
    except ValueError:
        return str(path)


def _fault(root: Path, file: Path, error: BaseException) -> LoadError:
    """Return what a person needs to know of an error while a file was imported."""
    if isinstance(error, SyntaxError):
        where = Path(error.filename) if error.filename else file
        return LoadError(
            f"{_shown(root, where)}:{error.lineno or 1}: {type(error).__name__}: {error.msg}: "
            "fix the line"
        )
    line, where = 1, file
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.lineno and Path(frame.filename).is_relative_to(root):
            line, where = frame.lineno, Path(frame.filename)
    if isinstance(error, ForeignImport):
        line, where = error.line, Path(error.path or where)
    return LoadError(f"{_shown(root, where)}:{line}: {_said(error)}")


def _said(error: BaseException) -> str:
    text = _GENERATION.sub(r"\1", str(error).strip().split("\n")[0])[:300]
    if isinstance(error, ForeignImport | LoadError):
        return text
    if isinstance(error, ImportError):
        return _said_of_import(error, text)
    if isinstance(error, SystemExit):
        return f"the file ends the process when it is imported ({text or 0}): take that out"
    return f"{type(error).__name__}: {text}: the file fails when it is imported"


def _said_of_import(error: ImportError, text: str) -> str:
    name = _GENERATION.sub(r"\1", error.name or "")
    if isinstance(error, ModuleNotFoundError) and name.startswith("functions."):
        return f"there is no module {name}: make its file, or fix the import"
    if isinstance(error, ModuleNotFoundError) and name:
        return (
            f"the package {name.split('.')[0]!r} is not installed: install it, and add it to the "
            "project's dependencies"
        )
    return f"{text}: fix the import"

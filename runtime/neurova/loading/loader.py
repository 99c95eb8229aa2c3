"""From files under functions/ to functions that can be called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..endpoints.endpoint import Endpoint
from ..endpoints.factory import make_function
from ..endpoints.mounted_app import MountedApp
from ..errors import LoadError
from ..execution.context import ExecutionContext
from ..functions.decorators import AppMount, description_of
from ..functions.descriptions import Http, Mount, Route
from ..resources import Resources
from .generation import Generation
from .load_errors import import_error, join_load_errors
from .service import Service, display_path


class Declaration(NamedTuple):
    """What a file declares: its one decorated function or mount, and where."""

    name: str
    value: Any
    description: Route
    line: int


class Origin(NamedTuple):
    """Where a declaration comes from, and what its endpoint may use."""

    service: str
    file: str
    resources: Resources
    execution: ExecutionContext
    generation: Generation


def _function(declared: Declaration, origin: Origin) -> Endpoint:
    assert isinstance(declared.description, Http)  # the table says so
    return make_function(declared.value, declared.description, *origin)


def _mounted_app(declared: Declaration, origin: Origin) -> Endpoint:
    service, file, _, execution, generation = origin
    return MountedApp(declared.value, declared.name, service, file, execution, generation)


_ENDPOINTS: dict[type[Route], Callable[[Declaration, Origin], Endpoint]] = {
    Http: _function,
    Mount: _mounted_app,
}
"""How an endpoint is made, by the kind of its description."""


def load_service(
    root: Path, service: str, resources: Resources, execution: ExecutionContext
) -> Service:
    """Import `service` afresh and bind its functions; what was loaded before is left alone.

    Raises LoadError, or BindError, with every fault: file, line and fix.
    """
    root = root.absolute()
    folder = root / service
    if not folder.is_dir():
        raise LoadError(
            "no such folder",
            where=display_path(root, folder),
            fix=f"create it, with a function file, or choose one that is in {root.name}/",
        )
    try:
        generation = Generation(folder, service)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise import_error(root, folder / "__init__.py", error) from error
    functions: list[Endpoint] = []
    faults: list[LoadError] = []
    for file in sorted(folder.glob("*.py")):
        if file.name.startswith("_"):
            continue
        try:
            origin = Origin(service, display_path(root, file), resources, execution, generation)
            functions += _load_file(root, file, origin)
        except LoadError as error:
            faults.append(error)
    faults += _duplicate_names(functions)
    if faults:
        raise join_load_errors(faults)
    return Service(service, tuple(functions))


def _load_file(root: Path, file: Path, origin: Origin) -> list[Endpoint]:
    """Return the function that the file declares, in a list; an empty one without a function."""
    if not file.stem.isidentifier():
        what = "the name of a file has letters, digits and _ only"
        raise LoadError(what, where=origin.file, fix="rename the file")
    try:
        module = origin.generation.load(file.stem)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise import_error(root, file, error) from error
    declared = _declarations(module)
    if len(declared) > 1:
        raise LoadError(
            f"{' and '.join(each.name for each in declared)} are in one file",
            where=f"{origin.file}:{declared[1].line}",
            fix="write each handler into a file of its own",
        )
    return [_ENDPOINTS[type(each.description)](each, origin) for each in declared]


def _declarations(module: ModuleType) -> list[Declaration]:
    """Return what the file itself decorated or mounted, not what it imported from a sibling."""
    found: dict[int, Declaration] = {}
    for variable, value in vars(module).items():
        description = None if variable.startswith("__") else description_of(value)
        if description is None or value.__module__ != module.__name__:
            continue
        if isinstance(value, AppMount):
            found.setdefault(id(value), Declaration(variable, value, description, value.line))
        else:
            name = getattr(value, "__name__", variable)
            line = getattr(getattr(value, "__code__", None), "co_firstlineno", 1)
            found[id(value)] = Declaration(name, value, description, line)
    return list(found.values())


def _duplicate_names(functions: list[Endpoint]) -> list[LoadError]:
    by_name: dict[str, Endpoint] = {}
    return [
        LoadError(
            f"{function.name} is also in {first.file}:{first.line}",
            where=f"{function.file}:{function.line}",
            fix="rename one of the functions",
        )
        for function in functions
        if (first := by_name.setdefault(function.name, function)) is not function
    ]

"""Import a service's folder again for each reload, as a generation with its own modules.

A generation of service "booking" is in sys.modules as `functions.booking~<n>`. Relative imports
therefore stay within their generation, even if code of an old generation imports late. Bytecode is
cached as usual.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import itertools
import os
import sys
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

from .imports import check_imports

PREFIX = "functions."
MARK = "~"
_NO_CODE = frozenset({"migrations", "__pycache__"})
_SOURCES = "__neurova_sources__"  # package attribute: sources of files imported later
_numbers = itertools.count(1)


class GenerationLoader(importlib.machinery.SourceFileLoader):
    """Load one file of a generation."""

    _source = b""

    def get_data(self, path: str) -> bytes:
        """Read the source or its cached bytecode; keep the source for `check_imports`."""
        data = super().get_data(path)
        if path == self.path:
            self._source = data
        return data

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the file's code; use cached bytecode only if it is newer than the file.

        Raises ForeignImport when the file imports another service.
        """
        package = ".".join(fullname.split(".")[:2])
        source: bytes | None = vars(sys.modules[package]).get(_SOURCES, {}).get(self.path)
        code: CodeType | None
        if source is not None:
            code = self.source_to_code(source, self.path)
        else:
            self._remove_stale_cache()
            code = super().get_code(fullname)
            source = self._source or self.get_data(self.path)
            self._source = b""
        check_imports(source, self.path, package.removeprefix(PREFIX).partition(MARK)[0])
        return code

    def _remove_stale_cache(self) -> None:
        # Python checks bytecode by the source's size and modification time in whole seconds, so
        # bytecode written in the same second as the last change may be stale.
        cached = importlib.util.cache_from_source(self.path)
        with suppress(OSError):
            if int(os.stat(cached).st_mtime) <= int(os.stat(self.path).st_mtime):
                os.unlink(cached)


class GenerationFinder(MetaPathFinder):
    """Find the modules of generations."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a generation's module, None for any other name."""
        if MARK not in fullname or not fullname.startswith(PREFIX) or not path:
            return None
        return _find(fullname, os.path.join(path[0], fullname.rpartition(".")[2]))


class RootFinder(MetaPathFinder):
    """Provide an empty package `functions` if there is no real one.

    Python imports this outermost package with every module of a generation.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of `functions`, None for any other name."""
        return ModuleSpec(fullname, None, is_package=True) if fullname == PREFIX[:-1] else None


class Generation:
    """One import of a service's folder; its modules are removed when it is garbage-collected."""

    __slots__ = ("__weakref__", "name")

    def __init__(self, folder: Path, service: str) -> None:
        if not any(isinstance(finder, GenerationFinder) for finder in sys.meta_path):
            sys.meta_path.insert(0, GenerationFinder())
            sys.meta_path.append(RootFinder())
        self.name = f"{PREFIX}{service}{MARK}{next(_numbers)}"
        weakref.finalize(self, _drop, self.name).atexit = False
        spec = _find(self.name, str(folder))
        if spec is None:
            raise FileNotFoundError(folder)
        package = importlib.util.module_from_spec(spec)
        # Read these files now: they may have changed on disk when a function imports them.
        vars(package)[_SOURCES] = {str(file): file.read_bytes() for file in _late_files(folder)}
        sys.modules[self.name] = package
        if spec.loader is not None:
            spec.loader.exec_module(package)

    def values(self) -> Iterator[object]:
        """Yield all module-level values of the imported modules."""
        inner = f"{self.name}."
        for name in [key for key in list(sys.modules) if key.startswith(inner)]:
            yield from vars(sys.modules[name]).values()

    def load(self, stem: str) -> ModuleType:
        """Import a file by its name without suffix. Raises the errors of the file."""
        return importlib.import_module(f"{self.name}.{stem}")


def _find(fullname: str, stem: str) -> ModuleSpec | None:
    """Return the spec of the file or folder at `stem`, a path without suffix."""
    file = f"{stem}.py"
    if os.path.isfile(file):
        return _file_spec(fullname, file)
    if not os.path.isdir(stem):
        return None
    init = os.path.join(stem, "__init__.py")
    if os.path.isfile(init):
        spec = _file_spec(fullname, init)
    else:
        spec = ModuleSpec(fullname, None, is_package=True)
    spec.submodule_search_locations = [stem]
    return spec


def _file_spec(fullname: str, file: str) -> ModuleSpec:
    spec = ModuleSpec(fullname, GenerationLoader(fullname, file), origin=file)
    spec.has_location = True
    return spec


def _late_files(folder: Path) -> Iterator[Path]:
    """Yield the files that only other files import: `_name.py` and files in inner folders."""
    for inner in os.scandir(folder):
        if inner.name.startswith("_") and inner.name.endswith(".py"):
            yield Path(inner.path)
        elif inner.is_dir() and inner.name.isidentifier() and inner.name not in _NO_CODE:
            yield from Path(inner.path).rglob("*.py")


def _drop(name: str) -> None:
    """Remove the generation's modules from sys.modules."""
    inner = f"{name}."
    # Iterate over a copy: another thread may import modules.
    for module in [key for key in list(sys.modules) if key == name or key.startswith(inner)]:
        sys.modules.pop(module, None)

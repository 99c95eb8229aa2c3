"""Fresh imports of a service's folder: each generation has modules of its own.

A generation of service "booking" lives in sys.modules as `functions.booking~<n>`; relative imports
stay within it, also those that old code makes later. Bytecode is cached as usual.
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
from pathlib import Path
from types import CodeType, ModuleType

from .imports import foreign

PREFIX = "functions."
MARK = "~"
_NO_CODE = frozenset({"migrations", "__pycache__"})
_numbers = itertools.count(1)
# Generation to the sources, as they were, of what it may import only later: by then another
# generation's may stand in their place.
_kept: dict[str, dict[str, bytes]] = {}


class Loader(importlib.machinery.SourceFileLoader):
    """Load one file of a generation."""

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the file's code, from the cache when that is surely newer than the file."""
        kept = _kept.get(".".join(fullname.split(".")[:2]), {}).get(self.path)
        if kept is not None:
            return self._checked(fullname, self.source_to_code(kept, self.path))
        cached = importlib.util.cache_from_source(self.path)
        if not self._trusted(cached):
            with suppress(OSError):
                os.unlink(cached)
        code = super().get_code(fullname)
        return None if code is None else self._checked(fullname, code)

    def _checked(self, fullname: str, code: CodeType) -> CodeType:
        fault = foreign(code, fullname.split(MARK)[0].removeprefix(PREFIX))
        if fault is not None:
            raise ForeignImport(self.path, *fault)
        return code

    def _trusted(self, cached: str) -> bool:
        # A cache knows its source by whole seconds and size: one that was written in the second
        # of the last change may hold what was there a moment before.
        try:
            return int(os.stat(cached).st_mtime) > int(os.stat(self.path).st_mtime)
        except OSError:
            return True


class ForeignImport(ImportError):
    """A file that imports another service; `line` is where."""

    def __init__(self, path: str, line: int, name: str, fix: str) -> None:
        super().__init__(f"it imports {name}: {fix}", path=path)
        self.line = line


class Finder(MetaPathFinder):
    """Find modules of generations, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where the module of that name is, None for any other name."""
        if MARK not in fullname or not fullname.startswith(PREFIX) or not path:
            return None
        return spec_of(fullname, os.path.join(path[0], fullname.rpartition(".")[2]))


class Root(MetaPathFinder):
    """Find the package `functions`, empty, where nothing else of that name can be imported.

    `from .inner.deep import x` imports `functions.<service>~<n>.inner` on its way, as a statement
    without names would: that asks for the outermost package too, whatever comes of it.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of `functions`, None for any other name."""
        if fullname != PREFIX[:-1]:
            return None
        return importlib.machinery.ModuleSpec(fullname, None, is_package=True)


def spec_of(fullname: str, stem: str) -> importlib.machinery.ModuleSpec | None:
    """Return the spec of the file or folder at `stem`, a path without ending."""
    file = f"{stem}.py"
    if os.path.isfile(file):
        return _spec(fullname, file)
    if os.path.isdir(stem):
        init = os.path.join(stem, "__init__.py")
        spec = _spec(fullname, init) if os.path.isfile(init) else None
        if spec is None:
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [stem]
        return spec
    return None


def _spec(fullname: str, file: str) -> importlib.machinery.ModuleSpec:
    spec = importlib.machinery.ModuleSpec(fullname, Loader(fullname, file), origin=file)
    spec.has_location = True
    return spec


class Generation:
    """One import of a service's folder; its modules go when nothing holds it any more."""

    __slots__ = ("__weakref__", "name")

    def __init__(self, folder: Path, service: str) -> None:
        if not any(isinstance(finder, Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, Finder())
            sys.meta_path.append(Root())
        self.name = f"{PREFIX}{service}{MARK}{next(_numbers)}"
        weakref.finalize(self, _drop, self.name).atexit = False
        spec = spec_of(self.name, str(folder))
        if spec is None:
            raise FileNotFoundError(folder)
        _kept[self.name] = {str(file): file.read_bytes() for file in _later(folder)}
        package = importlib.util.module_from_spec(spec)
        sys.modules[self.name] = package
        if spec.loader is not None:
            spec.loader.exec_module(package)

    def load(self, stem: str) -> ModuleType:
        """Import the file of that name, once. Raises whatever the file raises."""
        return importlib.import_module(f"{self.name}.{stem}")


def _later(folder: Path) -> Iterator[Path]:
    """Yield the files that are not imported when a service is: `_name.py`, and those in folders."""
    for inner in os.scandir(folder):
        if inner.name.startswith("_") and inner.name.endswith(".py"):
            yield Path(inner.path)
        elif inner.is_dir() and inner.name.isidentifier() and inner.name not in _NO_CODE:
            yield from Path(inner.path).rglob("*.py")


def _drop(name: str) -> None:
    _kept.pop(name, None)
    inner = f"{name}."
    # A copy first: another thread may import meanwhile.
    for module in [key for key in list(sys.modules) if key == name or key.startswith(inner)]:
        sys.modules.pop(module, None)

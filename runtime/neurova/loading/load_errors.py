"""Describe why a function file cannot be loaded."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from pathlib import Path

from ..errors import BindError, LoadError
from .imports import ForeignImport
from .service import display_path

_GENERATION = re.compile(r"(functions\.\w+)~\d+")
_LONGEST = 300


def import_error(root: Path, file: Path, error: BaseException) -> LoadError:
    """Convert an error of importing `file` under `root` to a LoadError with file and line."""
    path, line = _place(root, file, error)
    what, fix = _what_and_fix(error)
    return LoadError(what, where=f"{display_path(root, path)}:{line}", fix=fix)


def join_load_errors(faults: Sequence[LoadError]) -> LoadError:
    """Combine errors into one, without duplicates: a BindError if all are BindErrors."""
    unique = list({str(fault): fault for fault in faults}.values())
    if len(unique) == 1:
        return unique[0]
    kind = BindError if all(isinstance(fault, BindError) for fault in unique) else LoadError
    return kind("\n".join(map(str, unique)))


def _place(root: Path, file: Path, error: BaseException) -> tuple[Path, int]:
    if isinstance(error, SyntaxError):
        return Path(error.filename) if error.filename else file, error.lineno or 1
    if isinstance(error, ForeignImport):
        return Path(error.path or file), error.line
    path, line = file, 1
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.lineno and Path(frame.filename).is_relative_to(root):
            path, line = Path(frame.filename), frame.lineno
    return path, line


def _what_and_fix(error: BaseException) -> tuple[str, str]:
    if isinstance(error, LoadError):
        return error.what, error.fix
    text = _without_generation(str(error).strip().split("\n")[0])[:_LONGEST]
    if isinstance(error, ForeignImport):
        return text, error.fix
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}", "fix the line"
    if isinstance(error, ImportError):
        return _import_error(error, text)
    if isinstance(error, SystemExit):
        return f"the file ends the process when it is imported ({text or 0})", "remove the exit"
    return f"{type(error).__name__}: {text}", "fix the file so that it can be imported"


def _import_error(error: ImportError, text: str) -> tuple[str, str]:
    name = _without_generation(error.name or "")
    if isinstance(error, ModuleNotFoundError) and name.startswith("functions."):
        return f"no module {name}", "create its file, or fix the import"
    if isinstance(error, ModuleNotFoundError) and name:
        return (
            f"the package {name.split('.')[0]!r} is not installed",
            "install it, and add it to the project's dependencies",
        )
    return text, "fix the import"


def _without_generation(text: str) -> str:
    """Remove the generation numbers from module names."""
    return _GENERATION.sub(r"\1", text)

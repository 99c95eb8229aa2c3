"""Translate SQLite's errors to the platform's."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ...errors import NeurovaError, StateError, Unavailable
from ..base import TransactionError

_LOCKED = "another process locked the file until the deadline", "retry the call"
_NOT_WRITABLE = "the file cannot be written", "give this user the right to write it"

# Primary result code: error, what is wrong, fix.
_ERRORS: dict[int, tuple[type[NeurovaError], str, str]] = {
    sqlite3.SQLITE_BUSY: (Unavailable, *_LOCKED),
    sqlite3.SQLITE_LOCKED: (Unavailable, *_LOCKED),
    sqlite3.SQLITE_INTERRUPT: (
        Unavailable,
        "a statement did not finish before its call ended",
        "make the statement faster, or raise the function's timeout",
    ),
    sqlite3.SQLITE_READONLY: (StateError, *_NOT_WRITABLE),
    sqlite3.SQLITE_PERM: (StateError, *_NOT_WRITABLE),
    sqlite3.SQLITE_FULL: (StateError, "the disk is full, nothing was changed", "free disk space"),
    sqlite3.SQLITE_CANTOPEN: (
        StateError,
        "the file cannot be opened",
        "create its folder and give this user the right to write it",
    ),
    sqlite3.SQLITE_CORRUPT: (StateError, "the file is damaged", "restore it from a backup"),
    sqlite3.SQLITE_NOTADB: (
        StateError,
        "the file is not an SQLite database",
        "move it away or correct the path",
    ),
    sqlite3.SQLITE_IOERR: (StateError, "the file cannot be read or written", "check its disk"),
}


def result_code(error: BaseException | None) -> int:
    """Return the primary result code of a driver or SQLAlchemy error, 0 if it has none."""
    cause = getattr(error, "orig", None) or error
    code: int = getattr(cause, "sqlite_errorcode", None) or 0
    return code & 0xFF


def is_busy(error: BaseException | None) -> bool:
    """Return whether another connection holds a lock that the statement needed."""
    return result_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_interrupted(error: BaseException | None) -> bool:
    """Return whether the progress handler stopped the statement."""
    return result_code(error) == sqlite3.SQLITE_INTERRUPT


def is_missing_table(error: BaseException, table: str) -> bool:
    """Return whether a statement failed because `table` is missing."""
    # SQLite has no result code for this.
    return f"no such table: {table}" in str(getattr(error, "orig", None) or error)


def translate(error: BaseException, path: Path, *, readonly: bool) -> NeurovaError | None:
    """Translate to a NeurovaError; return None for an error in the statement itself."""
    code = result_code(error)
    if code == sqlite3.SQLITE_READONLY and readonly:
        return TransactionError.read_only()
    if code not in _ERRORS:
        return None
    kind, what, fix = _ERRORS[code]
    return kind(f"{what} ({error})", where=str(path), fix=fix)

"""SQLite's errors in the words of the platform."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ...errors import NeurovaError, StateError, Unavailable
from ..base import READ_ONLY, TransactionError


def code(error: BaseException | None) -> int:
    """Return SQLite's primary result code, 0 when there is none.

    `error` is the driver's, or SQLAlchemy's around it.
    """
    cause = getattr(error, "orig", None) or error
    found: int = getattr(cause, "sqlite_errorcode", None) or 0
    return found & 0xFF


def busy(error: BaseException | None) -> bool:
    """Tell whether another connection holds the lock that was wanted."""
    return code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def interrupted(error: BaseException | None) -> bool:
    """Tell whether the statement was stopped by us."""
    return code(error) == sqlite3.SQLITE_INTERRUPT


_MEANINGS: dict[int, tuple[type[NeurovaError], str]] = {
    sqlite3.SQLITE_BUSY: (Unavailable, "was locked by another process until the deadline"),
    sqlite3.SQLITE_LOCKED: (Unavailable, "was locked by another process until the deadline"),
    sqlite3.SQLITE_INTERRUPT: (Unavailable, "did not finish a statement before its call ended"),
    sqlite3.SQLITE_READONLY: (StateError, "cannot be written: give this user the right to"),
    sqlite3.SQLITE_PERM: (StateError, "cannot be written: give this user the right to"),
    sqlite3.SQLITE_FULL: (StateError, "cannot grow: free space on its disk; nothing was changed"),
    sqlite3.SQLITE_CANTOPEN: (StateError, "cannot be opened: make its folder, with rights to it"),
    sqlite3.SQLITE_CORRUPT: (StateError, "is damaged: restore it from a backup"),
    sqlite3.SQLITE_NOTADB: (StateError, "is no SQLite database: move it away or mend the path"),
    sqlite3.SQLITE_IOERR: (StateError, "cannot be read or written: check its disk"),
}


def translate(error: BaseException, path: Path, *, readonly: bool) -> NeurovaError | None:
    """Return what `error` means for a person, None where it is the statement's own fault."""
    found = code(error)
    if found == sqlite3.SQLITE_READONLY and readonly:
        return TransactionError(READ_ONLY)
    if found not in _MEANINGS:
        return None
    kind, meaning = _MEANINGS[found]
    return kind(f"{path} {meaning} ({error})")

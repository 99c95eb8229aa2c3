"""Open an SQLite file of the platform's own state."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from ..errors import StateError, Unavailable
from .locks import folder_lock

WAIT_SECONDS = 5.0  # how long to wait while another process writes
_MESSAGES = {
    sqlite3.SQLITE_FULL: ("its disk is full, nothing was changed", "free disk space"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "restore it from a backup, or move it away"),
    sqlite3.SQLITE_NOTADB: ("is not an SQLite database", "move it away"),
    sqlite3.SQLITE_READONLY: ("cannot be written", "give this user the right to write it"),
}


def open_sqlite_file(path: Path, layout: str) -> sqlite3.Connection:
    """Open an SQLite file in WAL mode with durable commits; create a missing file or table.

    A new file has mode 0600. `layout` is a script of CREATE … IF NOT EXISTS statements. The
    connection starts no transaction by itself. Raises sqlite3.Error or OSError.
    """
    # Lock the folder: opening fails at once while another process switches a new file to WAL.
    with folder_lock(path.parent):
        create_sqlite_file(path)
        connection = sqlite3.connect(
            path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(layout)
        except BaseException:
            connection.close()
            raise
    return connection


def create_sqlite_file(path: Path) -> None:
    """Create an empty file with mode 0600 if it does not exist.

    SQLite gives its WAL and shared-memory files the same mode. Raises OSError.
    """
    # Do not open an existing file: closing it would release the POSIX locks of this process's
    # connections, and another process could then delete the WAL while it is in use.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def translate_sqlite_error(error: Exception, path: Path) -> StateError | Unavailable:
    """Return the platform's error for an sqlite3.Error or OSError."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable("is locked by another process", where=str(path), fix="retry later")
    what, fix = _MESSAGES.get(code, (f"cannot be used: {error}", "check its disk and folder"))
    return StateError(what, where=str(path), fix=fix)

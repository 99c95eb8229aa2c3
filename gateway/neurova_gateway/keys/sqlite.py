"""Store API keys in one SQLite file: the embedded key store."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurova.errors import StateError, Unavailable
from neurova.files.locks import folder_lock
from neurova.files.sqlite_file import create_sqlite_file

from .sql import LAYOUT, SqlKeyStore, Statement, check_layout

WAIT_SECONDS = 2.0
_SCHEMA = """
CREATE TABLE keys (
    key_id TEXT PRIMARY KEY NOT NULL, digest BLOB NOT NULL UNIQUE, consumer TEXT NOT NULL,
    environment TEXT NOT NULL, scopes TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL,
    revoked_at REAL, last_used_at REAL, limits TEXT NOT NULL, quota INTEGER NOT NULL,
    cidrs TEXT NOT NULL, name TEXT NOT NULL
) STRICT;
CREATE INDEX keys_of_consumer ON keys (consumer);
CREATE TABLE consumers (consumer TEXT PRIMARY KEY NOT NULL, limits TEXT NOT NULL) STRICT;
CREATE TABLE changes (number INTEGER NOT NULL) STRICT;
INSERT INTO changes VALUES (0)
"""
_SCHEMA_2 = """
ALTER TABLE consumers ADD COLUMN plan TEXT NOT NULL DEFAULT '';
ALTER TABLE consumers ADD COLUMN custom_id TEXT NOT NULL DEFAULT '';
ALTER TABLE consumers ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
CREATE TABLE usage (
    day TEXT NOT NULL, consumer TEXT NOT NULL, key_id TEXT NOT NULL, function TEXT NOT NULL,
    calls INTEGER NOT NULL, refused INTEGER NOT NULL, failed INTEGER NOT NULL,
    PRIMARY KEY (day, consumer, key_id, function)
) STRICT, WITHOUT ROWID
"""
_LAYOUTS = (_SCHEMA, _SCHEMA_2)


class SqliteKeyStore(SqlKeyStore):
    """Keep API keys in the file `path`, mode 0600.

    One connection reads and never waits for a writer; the other one writes. Raises StateError if
    the file cannot be used.
    """

    _duplicate_error = sqlite3.IntegrityError

    def __init__(self, path: Path) -> None:
        super().__init__("keys", "consumers", "changes", "usage", has_change=False)
        self._path = path
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._known_version = (-1, 0)
        self._connections: list[sqlite3.Connection] = []
        try:
            # Lock the folder: SQLite fails, without waiting, while another process switches a new
            # file to WAL.
            with folder_lock(path.parent):
                create_sqlite_file(path)
                self._reader, self._writer = self._connect(), self._connect()
                self._migrate()
        except (OSError, sqlite3.Error, StateError) as error:
            self.close()
            raise _state_error(path, error) from error
        status = os.stat(path)
        self._identity = status.st_dev, status.st_ino

    def version(self) -> int:
        """Return the number of changes so far, by any process.

        The query of the count runs only if `PRAGMA data_version` shows that the file has changed.
        """
        data = self._read("PRAGMA data_version")[0][0]
        if data != self._known_version[0]:
            self._known_version = data, self._read(self._number)[0][0]
        return self._known_version[1]

    def refresh(self) -> None:
        """Do nothing: `version` always reads the current number."""

    def close(self) -> None:
        """Close the file."""
        with self._read_lock, self._write_lock:
            for connection in self._connections:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connections.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _migrate(self) -> None:
        with self._writer as connection:
            connection.execute("BEGIN IMMEDIATE")
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            check_layout(layout, str(self._path))
            for statements in _LAYOUTS[layout:]:
                for statement in statements.split(";"):
                    connection.execute(statement)
            if layout < LAYOUT:
                connection.execute(f"PRAGMA user_version = {LAYOUT}")

    def _read(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        self._check_identity()
        try:
            with self._read_lock:
                return self._reader.execute(sql, _number_values(values)).fetchall()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _write(self, *statements: Statement) -> None:
        self._check_identity()
        try:
            with self._write_lock, self._writer as connection:
                connection.execute("BEGIN IMMEDIATE")
                for sql, values in statements:
                    connection.execute(sql, _number_values(values))
        except self._duplicate_error:
            raise
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _encode(self, texts: Sequence[str]) -> str:
        return json.dumps(texts)

    def _decode(self, value: str) -> Sequence[str]:
        texts: list[str] = json.loads(value)
        return texts

    def _unavailable(self, error: sqlite3.Error) -> Unavailable:
        return Unavailable(f"the key store does not answer: {error}", where=str(self._path))

    def _check_identity(self) -> None:
        """Raise Unavailable if the file at the path was deleted or replaced."""
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise Unavailable(
                error.strerror or "cannot be read", where=str(self._path), fix="restart NEUROVA"
            ) from error
        if (status.st_dev, status.st_ino) != self._identity:
            raise Unavailable("the file was replaced", where=str(self._path), fix="restart NEUROVA")


def _number_values(values: Sequence[Any]) -> dict[str, Any]:
    """Map values to the parameter names that SQLite derives from $1, $2…"""
    return {str(number): value for number, value in enumerate(values, 1)}


def _state_error(path: Path, error: Exception) -> StateError:
    """Convert an error to a StateError that tells the operator why the file cannot be opened."""
    if isinstance(error, StateError):
        return error
    if isinstance(error, FileNotFoundError):
        return StateError("no such folder", where=str(path.parent), fix="create it")
    if isinstance(error, OSError):
        return StateError(
            error.strerror or str(error),
            where=str(path),
            fix="let this user write the file and its folder",
        )
    if isinstance(error, sqlite3.OperationalError):
        return StateError(
            str(error),
            where=str(path),
            fix="check that this user may write the file, that its disk has space, and that no "
            "other process locks it",
        )
    return StateError(
        str(error),
        where=str(path),
        fix="restore a backup, or delete the file and create new keys",
    )

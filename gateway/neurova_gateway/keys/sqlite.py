"""API keys in one SQLite file: the embedded key store."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from neurova.errors import StateError, Unavailable
from neurova.files.locks import folder_lock

from .sql import LAYOUT, KeyTables, SqlKeyStore, check_layout

WAIT_SECONDS = 2.0
T = TypeVar("T")


class SqliteKeyStore(SqlKeyStore):
    """Keep API keys in the file `path`, mode 0600.

    It reads on one connection, which never waits for a writer, and writes on another. Raises
    StateError when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(KeyTables())
        self._path = path
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._known_version = (-1, 0)
        self._connections: list[Connection] = []
        engine = create_engine(
            "sqlite://", creator=self._connect, poolclass=NullPool, hide_parameters=True
        )
        try:
            # Lock: SQLite fails at once while another process switches a new file to WAL.
            with folder_lock(path.parent):
                _create_file(path)
                for _ in range(2):
                    self._connections.append(engine.connect())
                self._reader, self._writer = self._connections
                self._transaction(self._migrate)
        except (OSError, SQLAlchemyError, StateError) as error:
            self.close()
            raise _state_error(path, error) from error
        status = os.stat(path)
        self._identity = status.st_dev, status.st_ino

    def version(self) -> int:
        """Return the number of changes so far, by any process.

        Runs only `PRAGMA data_version` unless another process wrote to the file.
        """
        return self._read(self._read_version)

    def close(self) -> None:
        """Close the file."""
        with self._read_lock, self._write_lock:
            for connection in self._connections:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: Connection) -> None:
        layout = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        check_layout(layout, str(self._path))
        if layout == 0:
            self._tables.create(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {LAYOUT}")

    def _read_version(self, connection: Connection) -> int:
        data = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
        if data != self._known_version[0]:
            self._known_version = data, self._read_number(connection)
        return self._known_version[1]

    def _read(self, work: Callable[[Connection], T]) -> T:
        self._check_identity()
        try:
            with self._read_lock, self._reader.begin():
                return work(self._reader)
        except SQLAlchemyError as error:
            raise self._unavailable(error) from error

    def _write(self, work: Callable[[Connection], T]) -> T:
        self._check_identity()
        try:
            with self._write_lock:
                return self._transaction(work)
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise self._unavailable(error) from error

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        with self._writer.begin():
            self._writer.exec_driver_sql("BEGIN IMMEDIATE")
            return work(self._writer)

    def _unavailable(self, error: SQLAlchemyError) -> Unavailable:
        return Unavailable(
            f"the key store does not answer: {_reason(error)}", where=str(self._path)
        )

    def _check_identity(self) -> None:
        """Raise Unavailable when the open file is no longer the one at the path."""
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise Unavailable(
                error.strerror or "cannot be read", where=str(self._path), fix="restart NEUROVA"
            ) from error
        if (status.st_dev, status.st_ino) != self._identity:
            raise Unavailable("the file was replaced", where=str(self._path), fix="restart NEUROVA")


def _create_file(path: Path) -> None:
    # Do not open an existing file: closing it would drop the POSIX locks that SQLite holds on it.
    # SQLite creates its -wal and -shm files with the mode of this file.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _reason(error: SQLAlchemyError) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error)


def _state_error(path: Path, error: Exception) -> StateError:
    """Return the error that tells an operator why the file cannot be opened."""
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
    if isinstance(error, DBAPIError) and isinstance(error.orig, sqlite3.OperationalError):
        return StateError(
            _reason(error),
            where=str(path),
            fix="check that this user may write the file, that its disk has space, and that no "
            "other process locks it",
        )
    return StateError(
        str(getattr(error, "orig", error)),
        where=str(path),
        fix="restore a backup, or delete the file and create new keys",
    )

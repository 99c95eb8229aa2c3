"""One connection to an SQLite file, with SQLAlchemy on top and transactions of our own."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, Executable, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ...errors import StateError
from ..base import Parameters, TransactionError
from .errors import interrupted

# A statement is stopped on the loop's thread at the second tick: after 20,000 to 40,000
# instructions of SQLite's machine, about half a millisecond of scanning.
TICK = 20_000
# On a thread it is asked this often whether its call has ended; a tick waits for Python's lock.
LONG_TICK = 200_000
PRAGMAS = ("synchronous = FULL", "foreign_keys = ON")


class _Cursor(sqlite3.Cursor):
    """Fetch all rows within `execute`, so that a result outlives statement and transaction."""

    _rows: list[Any]

    def execute(self, sql: str, parameters: Any = (), /) -> _Cursor:
        super().execute(sql, parameters)
        self._rows = super().fetchall() if self.description is not None else []
        return self

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows


class _Driver(sqlite3.Connection):
    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(_Cursor)


def engine(path: Path | str) -> Engine:
    """Return an engine whose connections are ours to keep; it begins and commits nothing."""

    def connect() -> sqlite3.Connection:
        # Its owner's alone from the first moment; SQLite gives its side files the same mode.
        with suppress(OSError):  # it is there, or SQLite says what is wrong
            if str(path) != ":memory:":
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        # timeout=0: waiting for a lock is the loop's business, never a blocked thread's.
        return sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False, factory=_Driver
        )

    return create_engine(
        "sqlite://",
        creator=connect,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # an error is logged, and what was given may be about somebody
    )


class SqliteConnection:
    """Run statements on one SQLite connection, opened when first needed.

    Not for two threads at once; every method but `stop` blocks the thread that calls it.
    """

    def __init__(self, engine: Engine, path: Path, *, readonly: bool) -> None:
        self.readonly = readonly
        self._engine = engine
        self._path = path
        self._core: Connection | None = None
        self._driver: sqlite3.Connection | None = None
        self._ticks = 0
        self._stop = False

    def begin(self) -> None:
        """Begin a transaction: of the writer with its lock, of a reader with its snapshot.

        Raises sqlite3.OperationalError at once where another process holds the lock.
        """
        driver = self._driver or self._open()
        self._stop = False
        if not self.readonly:
            driver.execute("BEGIN IMMEDIATE")
            return
        driver.execute("BEGIN")
        try:
            driver.execute("SELECT 1 FROM sqlite_schema LIMIT 1")
        except sqlite3.Error:
            self.rollback()
            raise

    def mark(self) -> None:
        """Mark where `back` goes back to; in the transaction that was begun, before all else."""
        self._check_begun().execute("SAVEPOINT nv")

    def rollback_to_savepoint(self) -> None:
        """Undo what was done since `mark`; the transaction goes on."""
        self._check_begun().execute("ROLLBACK TO nv")

    def run(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]:
        """Run a statement to its end, within the transaction that was begun."""
        assert self._core is not None
        self._check_begun()
        return self._core.execute(statement, parameters)

    def run_long(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]:
        """Run a statement to its end, or until `stop`."""
        driver = self._check_begun()
        driver.set_progress_handler(lambda: self._stop, LONG_TICK)
        try:
            return self.run(statement, parameters)
        finally:
            driver.set_progress_handler(None, 0)

    def attempt(
        self, statement: Executable, parameters: Parameters | None
    ) -> CursorResult[Any] | None:
        """Run a statement that only reads; None when it was stopped for taking long."""
        driver = self._check_begun()
        self._ticks = 0
        driver.set_progress_handler(self._tick, TICK)
        try:
            return self.run(statement, parameters)
        except DBAPIError as error:
            if interrupted(error):
                return None
            raise
        finally:
            driver.set_progress_handler(None, 0)

    def commit(self) -> None:
        """Commit; on failure nothing remains of the transaction."""
        driver = self._check_begun()
        try:
            driver.execute("COMMIT")
        except sqlite3.Error:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Undo what the transaction did, if one is open; close a connection that cannot."""
        if self._driver is None or not self._driver.in_transaction:
            return
        try:
            self._driver.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()

    def stop(self) -> None:
        """Stop what `run_long` does in another thread, or is about to do.

        SQLite's own interrupt would miss a statement that has not yet begun.
        """
        self._stop = True

    def close(self) -> None:
        """Close; the next `begin` opens again."""
        core, self._core, self._driver = self._core, None, None
        if core is not None:
            core.close()

    def _check_begun(self) -> sqlite3.Connection:
        """Return the driver's connection, in a transaction.

        After an error such as a full disk SQLite has rolled back by itself: to go on here would
        commit each further statement on its own.
        """
        assert self._driver is not None
        if not self._driver.in_transaction:
            raise TransactionError(
                "the database rolled this transaction back after an earlier error: let that "
                "error end the function"
            )
        return self._driver

    def _open(self) -> sqlite3.Connection:
        core = self._engine.connect()
        driver = core.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        try:
            (mode,) = driver.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise StateError(
                    f"{self._path} cannot have a write-ahead log (it has {mode!r}): put the "
                    "database in a file on a local disk"
                )
            for pragma in PRAGMAS:
                driver.execute(f"PRAGMA {pragma}")
            if self.readonly:
                driver.execute("PRAGMA query_only = ON")
        except (sqlite3.Error, StateError):
            core.close()
            raise
        self._core, self._driver = core, driver
        return driver

    def _tick(self) -> bool:
        # SQLite counts over all runs of a cached statement, so the first tick says nothing yet.
        self._ticks += 1
        return self._ticks > 1

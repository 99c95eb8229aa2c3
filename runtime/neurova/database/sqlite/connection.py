"""One connection to an SQLite file: SQLAlchemy runs statements, this module transactions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, Executable, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ...errors import StateError
from ...files.sqlite_file import create_sqlite_file
from ..base import Parameters, TransactionError
from .errors import is_interrupted
from .types import COLUMN_TYPES, SqliteCompiler

# SQLite instructions between progress callbacks of a statement on the event loop. `try_run` stops
# the statement at the second callback, after about half a millisecond.
TICK = 20_000
# The interval for a statement in a thread: longer, because each callback waits for the GIL.
LONG_TICK = 200_000
PRAGMAS = ("synchronous = FULL", "foreign_keys = ON")


class _Cursor(sqlite3.Cursor):
    """Fetch all rows in `execute`, so that a result outlives its transaction."""

    _rows: Iterator[Any]

    def execute(self, sql: str, parameters: Any = (), /) -> _Cursor:
        super().execute(sql, parameters)
        self._rows = iter(super().fetchall() if self.description is not None else ())
        return self

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return list(islice(self._rows, self.arraysize if size is None else size))

    def fetchall(self) -> list[Any]:
        return list(self._rows)


class _DriverConnection(sqlite3.Connection):
    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(_Cursor)


def create_sqlite_engine(path: Path | str) -> Engine:
    """Return an engine without a pool that neither begins nor commits transactions."""

    def connect() -> sqlite3.Connection:
        with suppress(OSError):  # SQLite then reports the error
            if str(path) != ":memory:":
                create_sqlite_file(Path(path))
        # timeout=0: do not block on locks in SQLite; the transaction retries on the event loop.
        return sqlite3.connect(
            path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            factory=_DriverConnection,
        )

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # errors are logged, and parameters may contain personal data
        json_serializer=partial(json.dumps, allow_nan=False),
    )
    engine.dialect.colspecs = {**engine.dialect.colspecs, **COLUMN_TYPES}
    engine.dialect.statement_compiler = SqliteCompiler
    return engine


class SqliteConnection:
    """Run statements on one SQLite connection, which opens on first use.

    Use it in one thread at a time. Every method except `stop` blocks the calling thread.
    """

    def __init__(self, engine: Engine, path: Path, *, readonly: bool) -> None:
        self.readonly = readonly
        self._engine = engine
        self._path = path
        self._core: Connection | None = None
        self._driver: sqlite3.Connection | None = None
        self._ticks = 0
        self._is_stopped = False

    def begin(self) -> None:
        """Begin a transaction: a writer takes the write lock, a reader takes a snapshot.

        Raises sqlite3.OperationalError at once if another process holds the lock.
        """
        driver = self._driver or self._open()
        self._is_stopped = False
        if not self.readonly:
            driver.execute("BEGIN IMMEDIATE")
            return
        driver.execute("BEGIN")
        try:
            driver.execute("SELECT 1 FROM sqlite_schema LIMIT 1")
        except sqlite3.Error:
            self.rollback()
            raise

    def savepoint(self) -> None:
        """Set the savepoint at the start of a transaction."""
        self._check_transaction().execute("SAVEPOINT nv")

    def rollback_to_savepoint(self) -> None:
        """Undo all changes since `savepoint` but keep the transaction open."""
        self._check_transaction().execute("ROLLBACK TO nv")

    def run(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]:
        """Run a statement in the open transaction."""
        assert self._core is not None
        self._check_transaction()
        return self._core.execute(statement, parameters)

    def run_sql(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Run a statement for each row, without SQLAlchemy; with one row, return its result."""
        driver = self._check_transaction()
        if len(rows) == 1:
            return driver.execute(sql, rows[0]).fetchall()
        driver.executemany(sql, rows)
        return []

    def run_until_stopped(
        self, statement: Executable, parameters: Parameters | None
    ) -> CursorResult[Any]:
        """Run a statement, which another thread can `stop`."""
        driver = self._check_transaction()
        driver.set_progress_handler(lambda: self._is_stopped, LONG_TICK)
        try:
            return self.run(statement, parameters)
        finally:
            driver.set_progress_handler(None, 0)

    def try_run(
        self, statement: Executable, parameters: Parameters | None
    ) -> CursorResult[Any] | None:
        """Run a read-only statement; return None if it takes too long."""
        driver = self._check_transaction()
        self._ticks = 0
        driver.set_progress_handler(self._tick, TICK)
        try:
            return self.run(statement, parameters)
        except DBAPIError as error:
            if is_interrupted(error):
                return None
            raise
        finally:
            driver.set_progress_handler(None, 0)

    def commit(self) -> None:
        """Commit, or roll back on failure."""
        driver = self._check_transaction()
        try:
            driver.execute("COMMIT")
        except sqlite3.Error:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Roll back an open transaction; if that fails, close the connection."""
        if self._driver is None or not self._driver.in_transaction:
            return
        try:
            self._driver.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()

    def stop(self) -> None:
        """Stop the current or next statement of `run_until_stopped` in another thread.

        Unlike this method, SQLite's interrupt does not affect a statement that starts later.
        """
        self._is_stopped = True

    def close(self) -> None:
        """Close the connection; the next `begin` opens it again."""
        core, self._core, self._driver = self._core, None, None
        if core is not None:
            core.close()

    def _check_transaction(self) -> sqlite3.Connection:
        """Return the driver's connection. Raises TransactionError if no transaction is open.

        After some errors, such as a full disk, SQLite rolls back automatically. Further statements
        would then autocommit.
        """
        assert self._driver is not None
        if not self._driver.in_transaction:
            raise TransactionError(
                "the database rolled the transaction back after an earlier error",
                where=str(self._path),
                fix="do not catch that error, let it end the function",
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
                    f"the database cannot use a write-ahead log, its journal mode is {mode!r}",
                    where=str(self._path),
                    fix="put the database in a file on a local disk",
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
        # Ignore the first call, which may come at once: SQLite's instruction counter continues over
        # all runs of a cached statement.
        self._ticks += 1
        return self._ticks > 1

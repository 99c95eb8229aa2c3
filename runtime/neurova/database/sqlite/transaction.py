"""Transactions on one SQLite file, and the connections and threads that they share."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import CompoundSelect, Executable, Insert, Result, Select
from sqlalchemy.exc import DBAPIError

from ..base import MAX_INLINE_ROWS, Parameters, TransactionError, count_rows
from ..pool import ConnectionPool
from ..publisher import EventPublisher
from .connection import SqliteConnection, create_sqlite_engine
from .errors import is_busy, translate
from .threads import DatabaseThreads

T = TypeVar("T")

MAX_READERS = 8  # maximum number of concurrent read transactions
READ_THREADS = 2  # maximum number of concurrent long SELECTs
MARGIN = 0.01  # stop waiting this many seconds before the deadline, to send the error in time
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.01  # seconds between attempts to begin


class SqliteTransactions:
    """Create transactions on the file at `path`: one writer and up to MAX_READERS readers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.thread_calls = 0
        engine = create_sqlite_engine(path)
        readers = [SqliteConnection(engine, path, readonly=True) for _ in range(MAX_READERS)]
        writer = SqliteConnection(engine, path, readonly=False)
        self._readers = ConnectionPool(readers, str(path), "reading")
        self._writer = ConnectionPool([writer], str(path), "writing")
        self._read_threads = DatabaseThreads(f"{path.name}-read", READ_THREADS)
        self._write_thread = DatabaseThreads(f"{path.name}-write", 1)

    def transaction(
        self, *, readonly: bool, deadline: float, savepoint: bool = False
    ) -> SqliteTransaction:
        """Return a new transaction; `deadline` (event-loop seconds) bounds all its waits.

        `savepoint` allows `rollback_to_savepoint`.
        """
        pool = self._readers if readonly else self._writer
        return SqliteTransaction(self, pool, readonly, deadline - MARGIN, savepoint)

    async def run_exclusively(self, deadline: float, call: Callable[..., T], *arguments: Any) -> T:
        """Run a call in the writer's thread; write transactions of this process wait for it."""
        writer = await self._writer.acquire(deadline)

        def release(running: asyncio.Future[T]) -> None:
            running.exception()  # retrieve it: otherwise asyncio logs it if nothing awaits it
            self._writer.release(writer)

        running = self.run_in_thread(writer, call, *arguments)
        running.add_done_callback(release)
        return await asyncio.shield(running)

    def run_in_thread(
        self, connection: SqliteConnection, call: Callable[..., T], *arguments: Any
    ) -> asyncio.Future[T]:
        """Run a slow call on a connection in a thread; count it in `thread_calls`."""
        self.thread_calls += 1
        threads = self._read_threads if connection.readonly else self._write_thread
        return threads.run(call, *arguments)

    async def close(self) -> None:
        """Wait for open transactions and close all connections."""
        for pool in (self._readers, self._writer):
            for connection in await pool.close():
                # Closing the last connection checkpoints the write-ahead log, which is slow.
                await self.run_in_thread(connection, connection.close)
        self._write_thread.close()
        self._read_threads.close()


class SqliteTransaction(EventPublisher):
    """A transaction of one function: short statements run inline, long ones in a thread."""

    system = "sqlite"
    conflict = None  # SQLite has one writer at a time, so no transaction conflicts

    __slots__ = (
        "_connection",
        "_deadline",
        "_ending",
        "_has_written",
        "_is_ended",
        "_lock",
        "_pool",
        "_readonly",
        "_running",
        "_savepoint",
        "_transactions",
    )

    def __init__(
        self,
        transactions: SqliteTransactions,
        pool: ConnectionPool[SqliteConnection],
        readonly: bool,
        deadline: float,
        savepoint: bool,
    ) -> None:
        super().__init__()
        self._transactions = transactions
        self._pool = pool
        self._readonly = readonly
        self._deadline = deadline
        self._savepoint = savepoint
        self._connection: SqliteConnection | None = None
        self._running: asyncio.Future[Any] | None = None
        self._ending: asyncio.Future[Any] | None = None
        self._lock = asyncio.Lock()
        self._has_written = False
        self._is_ended = False

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        """Run one statement; statements of one transaction wait for each other.

        Raises Unavailable if the database stays locked until the deadline, TransactionError for a
        write in a GET or in an ended transaction, StateError for an unusable file, and SQLAlchemy's
        own errors (IntegrityError…) for a faulty statement.
        """
        async with self._lock:
            if self._running is not None:
                # A statement keeps using the connection after its caller was cancelled.
                await asyncio.wait([self._running])
            self._check_open()
            connection = self._connection or await self._open()
            try:
                return await self._run(connection, statement, parameters)
            except DBAPIError as error:
                raise self._translate(error) from error.orig

    def extend(self, deadline: float) -> None:
        """Set a new deadline, which bounds all waits."""
        self._deadline = deadline - MARGIN

    async def run_sql(self, sql: str, *rows: Sequence[Any]) -> list[Any]:
        """Run a short statement of the platform; see `Transaction`."""
        async with self._lock:
            if self._running is not None:
                await asyncio.wait([self._running])
            self._check_open()
            connection = self._connection or await self._open()
            self._has_written = self._has_written or not self._readonly
            try:
                return connection.run_sql(sql.replace("$", "?"), rows)
            except sqlite3.Error as error:
                raise self._translate(error) from error

    async def run_at_commit(self, sql: str, *rows: Sequence[Any]) -> None:
        """Run the statement now: SQLite has no round trips to save."""
        await self.run_sql(sql, *rows)

    async def rollback_to_savepoint(self) -> None:
        """Undo all changes but keep the transaction, created with `savepoint`, open."""
        async with self._lock:
            if self._running is not None:
                await asyncio.wait([self._running])
            self._check_open()
            self.forget()
            if self._connection is not None:
                self._connection.rollback_to_savepoint()

    async def commit(self) -> None:
        """Make the changes durable. Cancelling the caller does not stop a running commit.

        Raises StateError if the disk is full or fails; nothing was changed then.
        """
        async with self._lock:
            if self._running is not None:
                await asyncio.wait([self._running])
            self._check_open()
            self._is_ended = True
            connection = self._connection
            if connection is None:
                return
            if not self._has_written:
                self._release()
                return
            self._ending = self._transactions.run_in_thread(connection, connection.commit)
            self._ending.add_done_callback(self._release)
            try:
                await asyncio.shield(self._ending)
            except sqlite3.Error as error:
                raise self._translate(error) from None

    async def rollback(self) -> None:
        """Undo all changes and release the connection; do nothing if the transaction has ended.

        Stop a running statement, and release the connection after it.
        """
        if not self._is_ended:
            self._is_ended = True
            if self._running is None or self._running.done() or self._connection is None:
                self._release()
            else:
                self._connection.stop()
                self._ending = self._running
                self._ending.add_done_callback(self._release)
        if self._ending is not None and not self._ending.done():
            await asyncio.wait([self._ending])

    async def _run(
        self, connection: SqliteConnection, statement: Executable, parameters: Parameters | None
    ) -> Result[Any]:
        if self._readonly or isinstance(statement, (Select, CompoundSelect)):
            # A SELECT that takes too long can be stopped and run again in a thread.
            result = connection.try_run(statement, parameters)
            if result is not None:
                return result
        else:
            self._has_written = True
            if _is_short(statement, parameters):
                return connection.run(statement, parameters)
        running = self._transactions.run_in_thread(
            connection, connection.run_until_stopped, statement, parameters
        )
        self._running = running
        running.add_done_callback(self._finish_statement)
        return await asyncio.shield(running)

    async def _open(self) -> SqliteConnection:
        """Acquire a connection and begin the transaction on it, before the deadline."""
        self._check_open()
        connection = await self._pool.acquire(self._deadline)
        try:
            await self._begin(connection)
            if self._savepoint:
                connection.savepoint()
            self._check_open()
        except BaseException:
            connection.rollback()
            self._pool.release(connection)
            raise
        self._connection = connection
        return connection

    async def _begin(self, connection: SqliteConnection) -> None:
        """Begin; while another process holds the lock, retry without blocking a thread."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            try:
                return connection.begin()
            except (sqlite3.Error, DBAPIError) as error:
                if not is_busy(error) or loop.time() + pause > self._deadline:
                    raise self._translate(error) from None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _finish_statement(self, running: asyncio.Future[Any]) -> None:
        running.exception()  # retrieve it: otherwise asyncio logs it if nothing awaits it
        self._running = None

    def _release(self, _: object = None) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.rollback()
            self._pool.release(connection)

    def _check_open(self) -> None:
        if self._is_ended:
            raise TransactionError.ended()

    def _translate(self, error: Exception) -> Exception:
        return translate(error, self._transactions.path, readonly=self._readonly) or error


def _is_short(statement: Executable, parameters: Parameters | None) -> bool:
    """Return whether a write is an INSERT of a few rows, which is always fast."""
    if not isinstance(statement, Insert) or statement.select is not None:
        return False
    return count_rows(statement, parameters) <= MAX_INLINE_ROWS

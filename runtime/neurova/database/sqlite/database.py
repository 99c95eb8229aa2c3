"""A service's database in one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import CompoundSelect, Executable, Insert, Result, Select
from sqlalchemy.exc import DBAPIError

from ..base import ENDED, Parameters, TransactionError
from ..pool import Pool
from ..threads import Worker
from .connection import SqliteConnection, engine
from .errors import busy, translate
from .idempotency import SqliteIdempotencyStore, SqliteKeyLock

T = TypeVar("T")

READERS = 8  # transactions that read at the same time
READING_THREADS = 2  # long SELECTs that run at the same time
BATCH = 100  # rows of one INSERT that are written on the loop's thread
GRACE = 0.01  # seconds before the deadline at which waiting ends, so that the refusal is ours


class SqliteDatabase:
    """Keep one service's state in the file at `path`; make one object a file in a process.

    Nothing is opened before the first transaction. Raises StateError for a file that cannot be
    used, with the fix, from the statement that first needed it. `clock` gives Unix seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.hops = 0
        self._answers = SqliteIdempotencyStore(self, clock)
        core = engine(path)
        readers = [SqliteConnection(core, path, readonly=True) for _ in range(READERS)]
        writer = SqliteConnection(core, path, readonly=False)
        self._readers = Pool(readers, f"{path}, reading,")
        self._writer = Pool([writer], f"{path}, writing,")
        self._reading = Worker(f"{path.name}-read", READING_THREADS)
        self._writing = Worker(f"{path.name}-write", 1)

    def transaction(
        self, *, readonly: bool, deadline: float, marked: bool = False
    ) -> SqliteTransaction:
        """Return a transaction, not yet open; `deadline` in event-loop seconds bounds all waits.

        One that is `marked` can go back to its beginning.
        """
        pool = self._readers if readonly else self._writer
        return SqliteTransaction(self, pool, readonly=readonly, deadline=deadline, marked=marked)

    async def lock_key(self, key: bytes, deadline: float) -> SqliteKeyLock:
        """Wait for a key, in line in this process, then among processes; see `Database`."""
        return await self._answers.lock_key(key, deadline - GRACE)

    async def delete_expired(self) -> int:
        """Delete some answers whose time is over; return how many, 0 when there is no more to do.

        One process at a time does, and nobody waits for it.
        """
        return await self._answers.delete_expired()

    async def alone(self, deadline: float, call: Callable[..., T], *arguments: Any) -> T:
        """Run a call on the writer's thread while nobody here writes."""
        writer = await self._writer.borrow(deadline)

        def ended(running: asyncio.Future[T]) -> None:
            running.exception()  # seen by whoever waits; nobody may, after a cancellation
            self._writer.give_back(writer)

        running = self.move(writer, call, *arguments)
        running.add_done_callback(ended)
        return await asyncio.shield(running)

    def move(
        self, connection: SqliteConnection, call: Callable[..., T], *arguments: Any
    ) -> asyncio.Future[T]:
        """Run a call that may take long on a thread for such; `hops` counts them."""
        self.hops += 1
        worker = self._reading if connection.readonly else self._writing
        return worker.run(call, *arguments)

    async def close(self) -> None:
        """Let the transactions that were asked for end, then close all connections."""
        self._answers.close()
        for pool in (self._readers, self._writer):
            for connection in await pool.close():
                await self.move(connection, connection.close)  # the last one writes the log back
        self._writing.close()
        self._reading.close()


class SqliteTransaction:
    """One function's transaction; short statements run where they are, long ones on a thread."""

    conflict = None  # writers come one after another

    __slots__ = (
        "_connection",
        "_database",
        "_deadline",
        "_dirty",
        "_ended",
        "_ending",
        "_marked",
        "_pool",
        "_readonly",
        "_running",
        "_turn",
    )

    def __init__(
        self,
        database: SqliteDatabase,
        pool: Pool[SqliteConnection],
        *,
        readonly: bool,
        deadline: float,
        marked: bool,
    ) -> None:
        self._database = database
        self._marked = marked
        self._pool = pool
        self._readonly = readonly
        self._deadline = deadline - GRACE
        self._connection: SqliteConnection | None = None
        self._running: asyncio.Future[Any] | None = None
        self._ending: asyncio.Future[Any] | None = None
        self._turn = asyncio.Lock()
        self._dirty = False
        self._ended = False

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        """Run one statement; statements of one transaction wait for each other.

        Raises Unavailable when the database is locked until the deadline, TransactionError for a
        write in a GET and after the end, StateError for a file that cannot be used, and
        SQLAlchemy's own errors (IntegrityError…) for what is wrong with the statement.
        """
        async with self._turn:
            if self._running is not None:
                # A statement whose caller gave up is still at work on the connection.
                await asyncio.wait([self._running])
            self._check_open()
            connection = self._connection or await self._open()
            try:
                return await self._run(connection, statement, parameters)
            except DBAPIError as error:
                raise self._meaning(error) from error.orig

    async def rollback_to_savepoint(self) -> None:
        """Undo what was written until now; the transaction, one that is marked, goes on."""
        async with self._turn:
            if self._running is not None:
                await asyncio.wait([self._running])
            self._check_open()
            if self._connection is not None:
                self._connection.rollback_to_savepoint()

    async def commit(self) -> None:
        """Make the changes last, on disk; once begun, it ends well or badly whoever is cancelled.

        Raises StateError when the disk is full or broken: nothing was changed then.
        """
        async with self._turn:
            if self._running is not None:
                await asyncio.wait([self._running])
            self._check_open()
            self._ended = True
            connection = self._connection
            if connection is None:
                return
            if not self._dirty:
                self._give_back()
                return
            self._ending = self._database.move(connection, connection.commit)
            self._ending.add_done_callback(self._give_back)
            try:
                await asyncio.shield(self._ending)
            except sqlite3.Error as error:
                raise self._meaning(error) from None

    async def rollback(self) -> None:
        """Undo all changes and give back what the transaction holds; harmless when ended.

        A statement that still runs is stopped; the connection is given back after it.
        """
        if not self._ended:
            self._ended = True
            if self._running is None or self._running.done() or self._connection is None:
                self._give_back()
            else:
                self._connection.stop()
                self._ending = self._running
                self._ending.add_done_callback(self._give_back)
        if self._ending is not None and not self._ending.done():
            await asyncio.wait([self._ending])

    async def _run(
        self, connection: SqliteConnection, statement: Executable, parameters: Parameters | None
    ) -> Result[Any]:
        if self._readonly or isinstance(statement, (Select, CompoundSelect)):
            # What only reads may be tried here: when it is stopped, nothing is lost.
            found = connection.attempt(statement, parameters)
            if found is not None:
                return found
        else:
            self._dirty = True
            if _short(statement, parameters):
                return connection.run(statement, parameters)
        running = self._database.move(connection, connection.run_long, statement, parameters)
        self._running = running
        running.add_done_callback(self._finished)
        return await asyncio.shield(running)

    async def _open(self) -> SqliteConnection:
        """Return a connection with a begun transaction, waiting for it until the deadline."""
        self._check_open()
        connection = await self._pool.borrow(self._deadline)
        try:
            await self._begin(connection)
            if self._marked:
                connection.mark()
            self._check_open()
        except BaseException:
            connection.rollback()
            self._pool.give_back(connection)
            raise
        self._connection = connection
        return connection

    async def _begin(self, connection: SqliteConnection) -> None:
        """Ask again and again while another process holds the lock; no thread waits for it."""
        loop = asyncio.get_running_loop()
        pause = 0.001
        while True:
            try:
                return connection.begin()
            except (sqlite3.Error, DBAPIError) as error:
                if not busy(error) or loop.time() + pause > self._deadline:
                    raise self._meaning(error) from None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.01)

    def _finished(self, running: asyncio.Future[Any]) -> None:
        running.exception()  # seen by whoever waits; nobody may, after a cancellation
        self._running = None

    def _give_back(self, _: object = None) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.rollback()
            self._pool.give_back(connection)

    def _check_open(self) -> None:
        if self._ended:
            raise TransactionError(ENDED)

    def _meaning(self, error: Exception) -> Exception:
        """Return the platform's error for a driver's; `error` itself where it has none."""
        found = translate(error, self._database.path, readonly=self._readonly)
        return found or error


def _short(statement: Executable, parameters: Parameters | None) -> bool:
    """Tell whether a write is a plain INSERT of few rows, which cannot take long."""
    if not isinstance(statement, Insert) or statement.select is not None:
        return False
    return parameters is None or len(parameters) <= BATCH

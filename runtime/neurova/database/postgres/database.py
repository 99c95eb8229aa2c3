"""A service's database on a PostgreSQL server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Executable, Result

from ...errors import NeurovaError, Unavailable
from ..base import ENDED, Conflict, Parameters, TransactionError
from ..pool import Pool
from ..recovery import Recovery
from ..write_retries import WriteRetries
from .connection import Errors, PostgresConnection, engine
from .errors import clash
from .idempotency import PostgresIdempotencyStore, PostgresKeyLock
from .locks import PostgresLocks
from .url import PostgresUrl

T = TypeVar("T")

CONNECTIONS = 8  # of one process to one service's database
# Seconds before the deadline, a tenth of a short one, at which waiting ends: the refusal is ours.
GRACE = 0.05
SWEEPING = 5.0  # seconds that a sweep has
CLEANING = 1.0  # seconds that a rollback is waited for
UNKNOWN = (
    "whether its changes last is not known: a call repeated with the same Idempotency-Key finds out"
)


class PostgresDatabase:
    """Keep one service's state in the database at `url`; make one object a database in a process.

    Nothing is opened before the first transaction. At most `connections` are open, half of them to
    write, and one more for keys and sweeps; who finds none free waits for one, first come, first
    served. `clock` gives Unix seconds. Raises Unavailable for a server that does not answer,
    StateError for one that does not let us in, from the statement that needed it.
    """

    def __init__(
        self,
        url: PostgresUrl,
        connections: int = CONNECTIONS,
        name: str = "neurova",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = url
        core = engine(url, name)
        recovery = Recovery()
        made = [PostgresConnection(core, url, recovery) for _ in range(connections)]
        # A crowd of writers that wait for each other shall not keep readers waiting.
        self._writers = Pool(made[::2], f"{url}, writing,")
        self._readers = Pool(made[1::2], f"{url}, reading,")
        self.write_retries = WriteRetries()
        self._cleaning: set[asyncio.Task[None]] = set()
        self._locks = PostgresLocks(PostgresConnection(core, url, recovery), self.clean)
        self._answers = PostgresIdempotencyStore(url, self._locks, self._marked, clock)

    def transaction(self, *, readonly: bool, deadline: float) -> PostgresTransaction:
        """Return a transaction, not yet open; `deadline` in event-loop seconds bounds all waits."""
        pool = self._readers if readonly else self._writers
        return PostgresTransaction(self, pool, readonly, _last(deadline))

    async def lock_key(self, key: bytes, deadline: float) -> PostgresKeyLock:
        """Wait for a key, in line in this process, then among processes; see `Database`."""
        return await self._answers.lock_key(key, _last(deadline))

    async def delete_expired(self) -> int:
        """Delete some answers whose time is over; return how many, 0 when there is no more to do.

        One process at a time does, and nobody waits for it.
        """
        return await self._answers.delete_expired(SWEEPING)

    def _marked(self, deadline: float) -> PostgresTransaction:
        return PostgresTransaction(self, self._writers, False, _last(deadline), marked=True)

    def clean(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let an end that nobody has to wait for go on by itself; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)
        task.add_done_callback(_seen)
        return task

    async def close(self) -> None:
        """Let the transactions that were asked for end, then close all connections."""
        for pool in (self._readers, self._writers):
            for connection in await pool.close():
                await connection.discard()
        if self._cleaning:
            await asyncio.wait(self._cleaning)
        await self._locks.close()


class PostgresTransaction:
    """One function's transaction: SERIALIZABLE, or one snapshot that only reads.

    PostgreSQL ends a transaction at the first statement that fails. So that a function may go on
    after one, as on SQLite, it is run again `careful`: with a savepoint before each statement.
    """

    __slots__ = (
        "_alone",
        "_attempt",
        "_begun",
        "_careful",
        "_connection",
        "_database",
        "_deadline",
        "_ended",
        "_failure",
        "_marked",
        "_pool",
        "_readonly",
        "_turn",
        "_work",
        "conflict",
    )

    def __init__(
        self,
        database: PostgresDatabase,
        pool: Pool[PostgresConnection],
        readonly: bool,
        deadline: float,
        attempt: int = 0,
        careful: bool = False,
        marked: bool = False,
    ) -> None:
        self.conflict: Conflict | None = None
        self._database = database
        self._pool = pool
        self._readonly = readonly
        self._deadline = deadline
        self._attempt = attempt
        self._careful = careful
        self._marked = marked
        # What clashed once would clash again, beside others as many: the second run is its last.
        self._alone = not readonly and (attempt > 0 or database.write_retries.should_serialize())
        self._connection: PostgresConnection | None = None
        self._work: asyncio.Task[Any] | None = None
        self._turn = asyncio.Lock()
        self._begun = False
        self._ended = False
        self._failure: Exception | None = None

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        """Run one statement; statements of one transaction wait for each other.

        Raises Unavailable when the server does not answer until the deadline, Conflict when the
        function has to be run again, TransactionError for a write in a GET and after the end, and
        SQLAlchemy's own errors (IntegrityError…) for what is wrong with the statement.
        """
        found: Result[Any] = await self._do(self._execute, statement, parameters)
        return found

    async def driver(self) -> Any:
        """Return asyncpg's connection in this transaction, for the platform's own statements."""
        connection: PostgresConnection = await self._do(self._begin)
        return connection.driver

    async def commit(self) -> None:
        """Make the changes last, on disk; once begun, it ends well or badly whoever is cancelled.

        Raises Conflict when nothing was changed and the function has to be run again, Unavailable
        when the server did not say whether it was.
        """
        async with self._turn:
            await self._settled()
            self._check_open()
            self._ended = True
            connection, self._connection = self._connection, None
            if connection is None:
                return
            ending = self._database.clean(self._commit(connection))
            if not self._readonly:  # which has nothing to lose, and nothing to wait for
                await self._wait(ending)

    async def rollback_to_savepoint(self) -> None:
        """Undo what was written until now; the transaction, one that is marked, goes on."""
        if self._connection is not None:
            await self._do(self._rollback_to_savepoint)

    async def rollback(self) -> None:
        """Undo all changes and give back what the transaction holds; harmless when ended.

        A statement that still runs is stopped, which costs its connection.
        """
        self._ended = True
        connection, self._connection = self._connection, None
        if connection is not None:
            ending = self._database.clean(self._undo(connection))
            await asyncio.wait([ending], timeout=min(CLEANING, self._left()))

    async def _do(self, work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """Do one thing on the connection, in a task: whoever gives up, it goes on to its end."""
        async with self._turn:
            await self._settled()
            self._check_open()
            if self._connection is None:
                connection = await self._pool.borrow(self._deadline)
                if self._ended:
                    self._pool.give_back(connection)
                    self._check_open()
                self._connection = connection
            task = asyncio.get_running_loop().create_task(work(self._connection, *arguments))
            task.add_done_callback(_seen)
            self._work = task
            return await self._wait(task)

    async def _begin(self, connection: PostgresConnection) -> PostgresConnection:
        try:
            if not self._begun:
                await connection.begin(
                    readonly=self._readonly, alone=self._alone, marked=self._marked
                )
                self._begun = True
        except NeurovaError as error:
            self._failure = error
            raise
        return connection

    async def _rollback_to_savepoint(self, connection: PostgresConnection) -> None:
        try:
            if self._begun:
                await connection.rollback_to_savepoint()
        except Errors as error:
            raise self._meaning(connection, error) from error

    async def _execute(
        self, connection: PostgresConnection, statement: Executable, parameters: Parameters | None
    ) -> Result[Any]:
        if not self._begun:
            await self._begin(connection)
        run = connection.run_saved if self._careful else connection.run
        try:
            return await run(statement, parameters)
        except TransactionError as error:
            self._failure = error
            raise
        except Errors as error:
            raise self._meaning(connection, error) from error

    async def _commit(self, connection: PostgresConnection) -> None:
        sound = False
        try:
            if self._begun:
                async with asyncio.timeout_at(self._deadline):
                    await connection.commit()
            sound = True
            if not self._readonly:
                self._database.write_retries.record_success(alone=self._alone)
        except Errors as error:
            meant = self._meaning(connection, error)
            if isinstance(meant, Unavailable):
                raise Unavailable(f"{meant}; {UNKNOWN}") from error
            sound = True
            with suppress(*Errors):  # which closes what it cannot roll back
                await connection.rollback()
            raise meant from error
        finally:
            if not sound:
                await connection.discard()
            self._pool.give_back(connection)

    async def _undo(self, connection: PostgresConnection) -> None:
        work = self._work
        try:
            if work is not None and not work.done():
                work.cancel()
                await asyncio.wait([work], timeout=CLEANING)
                await connection.discard()
            elif self._begun:
                await connection.rollback()
        finally:
            self._pool.give_back(connection)

    async def _settled(self) -> None:
        """Wait for the end of a statement whose caller gave up."""
        if self._work is not None and not self._work.done():
            await asyncio.wait([self._work], timeout=self._left())
            self._check_answered(self._work)

    async def _wait(self, task: asyncio.Task[T]) -> T:
        """Return what a task returns; past the deadline raise Unavailable, whatever it does."""
        await asyncio.wait([task], timeout=self._left())
        self._check_answered(task)
        if task.cancelled():
            raise TransactionError(ENDED)
        return task.result()

    def _left(self) -> float:
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    def _check_answered(self, task: asyncio.Task[Any]) -> None:
        if not task.done():
            late = f"{self._database.url} did not answer until the deadline"
            self._failure = Unavailable(f"{late}; {UNKNOWN}" if self._ended else late)
            raise self._failure

    def _check_open(self) -> None:
        failure = self._failure or self.conflict
        if self._ended:
            raise TransactionError(ENDED)
        if failure is not None:
            raise failure

    def _meaning(self, connection: PostgresConnection, error: Exception) -> Exception:
        """Return what to raise for an error of the driver, and remember what it means for all."""
        meant = connection.meaning(error)
        why = clash(error)
        if not why and isinstance(meant, NeurovaError):
            self._failure = meant
        elif why or not (self._careful or self._ended):
            careful = self._careful or not why
            if why:
                self._database.write_retries.record_conflict()
            self.conflict = meant = Conflict(
                why or "a statement failed", self._again(careful), self._attempt, self._deadline
            )
        return meant

    def _again(self, careful: bool) -> Callable[[], PostgresTransaction]:
        return lambda: PostgresTransaction(
            self._database,
            self._pool,
            self._readonly,
            self._deadline,
            self._attempt + 1,
            careful,
            self._marked,
        )


def _last(deadline: float) -> float:
    """Return when waiting ends, for a call that has until `deadline`."""
    left = deadline - asyncio.get_running_loop().time()
    return deadline - min(GRACE, left / 10)


def _seen(task: asyncio.Task[Any]) -> None:
    """Look at how a task ended, for a caller that gave up."""
    if not task.cancelled():
        task.exception()

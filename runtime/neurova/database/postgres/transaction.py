"""Transactions on one PostgreSQL database, and the connections that they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Engine, Executable, Result

from ...errors import NeurovaError, Unavailable
from ..base import Conflict, Parameters, TransactionError
from ..pool import ConnectionPool
from ..publisher import EventPublisher
from .circuit_breaker import CircuitBreaker
from .connection import DriverErrors, PostgresConnection
from .errors import describe_conflict
from .literals import insert_values
from .url import PostgresUrl
from .write_retries import WriteRetries

T = TypeVar("T")

# Stop waiting this many seconds before the deadline, or a tenth of the remaining time if that is
# less, so that the error still reaches the caller in time.
MARGIN = 0.05
ROLLBACK_TIMEOUT = 1.0  # seconds that a call waits for its rollback
MAX_LAST_ROWS, MAX_LAST_SIZE = 10, 64 << 10  # limits of a statement sent along with the COMMIT
_UNKNOWN_OUTCOME = "it is unknown whether the changes were committed"
_REPEAT = "repeat the call with the same Idempotency-Key to find out"


class PostgresTransactions:
    """Create transactions on at most `connections` connections, half of them for writing."""

    def __init__(
        self, engine: Engine, url: PostgresUrl, connections: int, breaker: CircuitBreaker
    ) -> None:
        self.url = url
        self.write_retries = WriteRetries()
        opened = [PostgresConnection(engine, url, breaker) for _ in range(connections)]
        # Use two pools: writers that wait for each other must not block readers.
        self._writers = ConnectionPool(opened[::2], str(url), "writing")
        self._readers = ConnectionPool(opened[1::2], str(url), "reading")
        self._background: set[asyncio.Task[None]] = set()

    def transaction(
        self, *, readonly: bool, deadline: float, savepoint: bool = False
    ) -> PostgresTransaction:
        """Return a new transaction; `deadline` (event-loop seconds) bounds all its waits.

        `savepoint` allows `rollback_to_savepoint`.
        """
        pool = self._readers if readonly else self._writers
        return PostgresTransaction(
            self, pool, readonly, subtract_margin(deadline), savepoint=savepoint
        )

    async def close_retired(self) -> None:
        """Close the idle connections whose credential was replaced or has expired."""
        for pool in (self._readers, self._writers):
            await pool.visit_idle(PostgresConnection.close_retired)

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine in a task; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(_retrieve_exception)
        return task

    async def close(self) -> None:
        """Wait for open transactions and close all connections."""
        for pool in (self._readers, self._writers):
            for connection in await pool.close():
                await connection.discard()
        if self._background:
            await asyncio.wait(self._background)


class PostgresTransaction(EventPublisher):
    """A transaction of one function: SERIALIZABLE, or read-only on one snapshot.

    PostgreSQL ends a transaction at the first statement that fails, but on SQLite a function may
    catch the error and go on. To allow that here too, the platform retries the function with a
    savepoint before each statement.
    """

    system = "postgresql"

    __slots__ = (
        "_alone",
        "_attempt",
        "_connection",
        "_deadline",
        "_failure",
        "_has_begun",
        "_is_ended",
        "_last",
        "_lock",
        "_pool",
        "_readonly",
        "_savepoint",
        "_statement_savepoints",
        "_transactions",
        "_work",
        "conflict",
    )

    def __init__(
        self,
        transactions: PostgresTransactions,
        pool: ConnectionPool[PostgresConnection],
        readonly: bool,
        deadline: float,
        attempt: int = 0,
        statement_savepoints: bool = False,
        savepoint: bool = False,
    ) -> None:
        super().__init__()
        self.conflict: Conflict | None = None
        self._transactions = transactions
        self._pool = pool
        self._readonly = readonly
        self._deadline = deadline
        self._attempt = attempt
        self._statement_savepoints = statement_savepoints
        self._savepoint = savepoint
        # Retries exclude other writers, because a concurrent retry would probably conflict again.
        self._alone = not readonly and (
            attempt > 0 or transactions.write_retries.should_serialize()
        )
        self._connection: PostgresConnection | None = None
        self._work: asyncio.Task[Any] | None = None
        self._lock = asyncio.Lock()
        self._has_begun = False
        self._is_ended = False
        self._last = ""
        self._failure: Exception | None = None

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        """Run one statement; statements of one transaction wait for each other.

        Raises Unavailable if the server does not answer before the deadline, Conflict if the
        function must be retried, TransactionError for a write in a GET or in an ended transaction,
        and SQLAlchemy's own errors (IntegrityError…) for a faulty statement.
        """
        result: Result[Any] = await self._do(self._execute, statement, parameters)
        return result

    def extend(self, deadline: float) -> None:
        """Set a new deadline, which bounds all waits."""
        self._deadline = subtract_margin(deadline)

    async def run_sql(self, sql: str, *rows: Sequence[Any]) -> list[Any]:
        """Run a short statement of the platform; see `Transaction`."""
        return await self._do(self._run_sql, sql, rows)

    async def run_at_commit(self, sql: str, *rows: Sequence[Any]) -> None:
        """Send a statement along with the COMMIT; if it is large or the first one, run it now."""
        text = "".join(f"{insert_values(sql, row)}; " for row in rows[:MAX_LAST_ROWS])
        if self._has_begun and len(rows) <= MAX_LAST_ROWS and len(text) <= MAX_LAST_SIZE:
            self._check_open()
            self._last += text
        else:
            await self.run_sql(sql, *rows)

    async def commit(self) -> None:
        """Make the changes durable. Cancelling the caller does not stop a running commit.

        Raises Conflict if nothing was changed and the function must be retried, Unavailable if
        the server did not confirm the commit.
        """
        async with self._lock:
            await self._wait_for_statement()
            self._check_open()
            self._is_ended = True
            connection, self._connection = self._connection, None
            if connection is None:
                return
            ending = self._transactions.run_in_background(self._commit(connection))
            if not self._readonly:  # a read-only transaction has no commit to confirm
                await self._wait(ending)

    async def rollback_to_savepoint(self) -> None:
        """Undo all changes but keep the transaction, created with `savepoint`, open."""
        self.forget()
        if self._connection is not None:
            await self._do(self._rollback_to_start)

    async def rollback(self) -> None:
        """Undo all changes and release the connection; do nothing if the transaction has ended.

        Cancel a running statement and close its connection.
        """
        self._is_ended = True
        connection, self._connection = self._connection, None
        if connection is not None:
            ending = self._transactions.run_in_background(self._rollback(connection))
            await asyncio.wait([ending], timeout=min(ROLLBACK_TIMEOUT, self._time_left()))

    async def _do(self, work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """Run `work` on the connection in a task, which continues if the caller is cancelled."""
        async with self._lock:
            await self._wait_for_statement()
            self._check_open()
            if self._connection is None:
                connection = await self._pool.acquire(self._deadline)
                if self._is_ended:
                    self._pool.release(connection)
                    self._check_open()
                self._connection = connection
            task = asyncio.get_running_loop().create_task(work(self._connection, *arguments))
            task.add_done_callback(_retrieve_exception)
            self._work = task
            return await self._wait(task)

    async def _begin(self, connection: PostgresConnection) -> None:
        try:
            await connection.begin(
                readonly=self._readonly, alone=self._alone, savepoint=self._savepoint
            )
            self._has_begun = True
        except NeurovaError as error:
            self._failure = error
            raise

    async def _rollback_to_start(self, connection: PostgresConnection) -> None:
        try:
            if self._has_begun:
                await connection.rollback_to_start()
        except DriverErrors as error:
            raise self._translate(connection, error) from error

    async def _execute(
        self, connection: PostgresConnection, statement: Executable, parameters: Parameters | None
    ) -> Result[Any]:
        if not self._has_begun:
            await self._begin(connection)
        run = connection.run_with_savepoint if self._statement_savepoints else connection.run
        try:
            return await run(statement, parameters)
        except TransactionError as error:
            self._failure = error
            raise
        except DriverErrors as error:
            raise self._translate(connection, error) from error

    async def _run_sql(
        self, connection: PostgresConnection, sql: str, rows: Sequence[Sequence[Any]]
    ) -> list[Any]:
        if not self._has_begun:
            await self._begin(connection)
        try:
            return await connection.run_sql(sql, rows)
        except DriverErrors as error:
            raise self._translate(connection, error) from error

    async def _commit(self, connection: PostgresConnection) -> None:
        is_usable = False
        try:
            if self._has_begun:
                async with asyncio.timeout_at(self._deadline):
                    await connection.commit(self._last)
            is_usable = True
            if not self._readonly:
                self._transactions.write_retries.record_success(alone=self._alone)
        except DriverErrors as error:
            translated = self._translate(connection, error)
            if isinstance(translated, Unavailable):
                what = f"{translated.what}; {_UNKNOWN_OUTCOME}"
                raise Unavailable(what, where=translated.where, fix=_REPEAT) from error
            is_usable = True
            with suppress(*DriverErrors):  # `rollback` closes the connection if it fails
                await connection.rollback()
            raise translated from error
        finally:
            if not is_usable or connection.is_retired():
                await connection.discard()
            self._pool.release(connection)

    async def _rollback(self, connection: PostgresConnection) -> None:
        work = self._work
        try:
            if work is not None and not work.done():
                work.cancel()
                await asyncio.wait([work], timeout=ROLLBACK_TIMEOUT)
                await connection.discard()
            elif self._has_begun:
                await connection.rollback()
                await connection.close_retired()
        finally:
            self._pool.release(connection)

    async def _wait_for_statement(self) -> None:
        """Wait for a statement whose caller was cancelled."""
        if self._work is not None and not self._work.done():
            await asyncio.wait([self._work], timeout=self._time_left())
            self._check_done(self._work)

    async def _wait(self, task: asyncio.Task[T]) -> T:
        """Return the result of a task. Raises Unavailable at the deadline."""
        await asyncio.wait([task], timeout=self._time_left())
        self._check_done(task)
        if task.cancelled():
            raise TransactionError.ended()
        return task.result()

    def _time_left(self) -> float:
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    def _check_done(self, task: asyncio.Task[Any]) -> None:
        if not task.done():
            what, fix = "the server did not answer until the deadline", "retry the call"
            if self._is_ended:
                what, fix = f"{what}; {_UNKNOWN_OUTCOME}", _REPEAT
            self._failure = Unavailable(what, where=str(self._transactions.url), fix=fix)
            raise self._failure

    def _check_open(self) -> None:
        failure = self._failure or self.conflict
        if self._is_ended:
            raise TransactionError.ended()
        if failure is not None:
            raise failure

    def _translate(self, connection: PostgresConnection, error: Exception) -> Exception:
        """Return the error to raise; record an error that ends the transaction."""
        translated = connection.translate(error)
        conflict = describe_conflict(error)
        if not conflict and isinstance(translated, NeurovaError):
            self._failure = translated
        elif conflict or not (self._statement_savepoints or self._is_ended):
            if conflict:
                self._transactions.write_retries.record_conflict()
            self.conflict = translated = Conflict(
                conflict or "a statement failed",
                self._next_attempt(self._statement_savepoints or not conflict),
                self._attempt,
                self._deadline,
            )
        return translated

    def _next_attempt(self, statement_savepoints: bool) -> Callable[[], PostgresTransaction]:
        return lambda: PostgresTransaction(
            self._transactions,
            self._pool,
            self._readonly,
            self._deadline,
            self._attempt + 1,
            statement_savepoints,
            self._savepoint,
        )


def subtract_margin(deadline: float) -> float:
    """Return the time at which a call with this deadline stops waiting."""
    left = deadline - asyncio.get_running_loop().time()
    return deadline - min(MARGIN, left / 10)


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception, so that asyncio does not log it if nothing awaits the task."""
    if not task.cancelled():
        task.exception()

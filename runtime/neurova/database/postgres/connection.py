"""One connection to PostgreSQL: SQLAlchemy runs statements, this module transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable, create_engine
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only, greenlet_spawn

from ...errors import NeurovaError, StateError
from ..base import MAX_INLINE_ROWS, Parameters, TransactionError, count_rows
from .circuit_breaker import CircuitBreaker
from .connecting import CONNECT_TIMEOUT, connect
from .errors import translate
from .types import COLUMN_TYPES
from .url import PostgresUrl

CLOSE_TIMEOUT = 1.0  # seconds for a graceful close, after which the socket is closed
# Writers hold this advisory lock in shared mode; a retried writer holds it exclusively, so it runs
# alone. It is a session lock, so that it can be taken before the transaction takes its snapshot.
WRITE_LOCK = 0x6E76_7478
_BEGIN_READONLY = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BEGIN_SHARED = (
    f"BEGIN; SELECT pg_advisory_lock_shared({WRITE_LOCK}); COMMIT; "
    "BEGIN ISOLATION LEVEL SERIALIZABLE"
)
_BEGIN_ALONE = (
    f"BEGIN; SET LOCAL lock_timeout = '1s'; SELECT pg_advisory_lock({WRITE_LOCK}); COMMIT; "
    "BEGIN ISOLATION LEVEL SERIALIZABLE"
)
# Undo session settings made by a function (SET, set_config, SET ROLE).
_RESET = "; RESET SESSION AUTHORIZATION; RESET ALL"
_UNLOCK_AND_RESET = "; SELECT pg_advisory_unlock_all()" + _RESET
_START_SAVEPOINT = "; SAVEPOINT nv_begin"
_ROLLBACK_TO_START = "ROLLBACK TO SAVEPOINT nv_begin"
_FIRST_SAVEPOINT = "SAVEPOINT nv"
_NEXT_SAVEPOINT = "RELEASE SAVEPOINT nv; SAVEPOINT nv"
_ROLLBACK_TO_SAVEPOINT = "ROLLBACK TO SAVEPOINT nv"

DriverErrors = (
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


def create_postgres_engine(url: PostgresUrl, name: str = "neurova") -> Engine:
    """Return an engine without a pool that neither begins nor commits transactions.

    Its methods wait for asyncpg, so call them with `greenlet_spawn`. SQLAlchemy's own AsyncEngine
    does the same, but importing it imports the whole ORM.
    """

    async def open_connection() -> asyncpg.Connection:
        # Use UTC, as SQLite does: CURRENT_DATE and extract() depend on the time zone.
        settings = {"application_name": name, "timezone": "UTC"}
        return await connect(url, server_settings=settings)

    engine: Engine = create_engine(
        "postgresql+asyncpg://",
        creator=lambda: engine.dialect.loaded_dbapi.connect(async_creator_fn=open_connection),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # errors are logged, and parameters may contain personal data
    )
    engine.dialect.colspecs = {**engine.dialect.colspecs, **COLUMN_TYPES}
    engine.dialect.statement_compiler = _Compiler
    return engine


class _Compiler(PGCompiler_asyncpg):
    """Compile an `insert().values([…])` of many rows in a thread: a row takes about 0.1 ms."""

    def __init__(self, dialect: Dialect, statement: Any, *arguments: Any, **options: Any) -> None:
        compile_statement = partial(super().__init__, dialect, statement, *arguments, **options)
        if count_rows(statement, None) > MAX_INLINE_ROWS:
            await_only(asyncio.to_thread(compile_statement))
        else:
            compile_statement()


class PostgresConnection:
    """Run statements on one connection, which opens on first use and after a failure."""

    def __init__(self, engine: Engine, url: PostgresUrl, breaker: CircuitBreaker) -> None:
        self._engine = engine
        self._url = url
        self._breaker = breaker
        self._core: Connection | None = None
        self._driver: Any = None
        self._has_savepoint = False
        self._start_savepoint = self._cleanup = ""

    def is_retired(self) -> bool:
        """Return whether the connection's credential was replaced or has expired."""
        source = self._url.credentials
        if source is None or self._driver is None:
            return False
        return self._driver.credential is not source.valid()

    async def close_retired(self) -> None:
        """Close the connection if it is retired."""
        if self.is_retired():
            await self.discard()

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """Run one statement outside any transaction. Raises asyncpg's errors, and like `begin`."""
        if self._driver is None or self._driver.is_closed():
            await self.discard()
            await self._open()
        try:
            rows: list[Any] = await self._driver.fetch(statement, *arguments)
        except DriverErrors as error:
            raise self.translate(error) from error
        return rows

    async def begin(self, *, readonly: bool, alone: bool = False, savepoint: bool = False) -> None:
        """Begin a transaction; `savepoint` allows `rollback_to_start`.

        `alone`: wait up to a second for other writers to finish, and exclude them if they do.
        Raises Unavailable or StateError if the server cannot be used.
        """
        self._start_savepoint = _START_SAVEPOINT if savepoint else ""
        self._has_savepoint = False
        self._cleanup = _RESET if readonly else _UNLOCK_AND_RESET
        statement = _BEGIN_READONLY if readonly else _BEGIN_ALONE if alone else _BEGIN_SHARED
        if self._driver is not None and not self._driver.is_closed() and not self.is_retired():
            with suppress(*DriverErrors):  # if the idle connection is broken, open a new one
                return await self._begin(statement)
        await self.discard()
        await self._open()
        try:
            await self._begin(statement)
        except DriverErrors as error:
            raise self.translate(error) from error

    async def _begin(self, statement: str) -> None:
        try:
            await self._driver.execute(statement + self._start_savepoint)
        except asyncpg.LockNotAvailableError:
            await self._driver.execute("ROLLBACK")
            await self._driver.execute(_BEGIN_SHARED + self._start_savepoint)

    async def rollback_to_start(self) -> None:
        """Undo all changes of the transaction but keep it open."""
        await self._driver.execute(_ROLLBACK_TO_START)
        self._has_savepoint = False

    async def run(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]:
        """Run one statement. An error ends the transaction."""
        assert self._core is not None
        result = await greenlet_spawn(self._core.execute, statement, parameters)
        if not self._driver.is_in_transaction():  # further statements would autocommit
            raise TransactionError.ended_by_statement()
        return result

    async def run_sql(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Run a statement for each row, without SQLAlchemy; with one row, return its result."""
        if len(rows) == 1:
            result: list[Any] = await self._driver.fetch(sql, *rows[0])
            return result
        await self._driver.executemany(sql, rows)
        return []

    async def run_with_savepoint(
        self, statement: Executable, parameters: Parameters | None
    ) -> CursorResult[Any]:
        """Run one statement. An error undoes only this statement."""
        await self._driver.execute(_NEXT_SAVEPOINT if self._has_savepoint else _FIRST_SAVEPOINT)
        self._has_savepoint = True
        try:
            return await self.run(statement, parameters)
        except DBAPIError:
            if not self._driver.is_closed():
                await self._driver.execute(_ROLLBACK_TO_SAVEPOINT)
            raise

    async def commit(self, last: str = "") -> None:
        """Run the statements `last` and commit; if one of them fails, do not commit."""
        await self._driver.execute(f"{last}COMMIT{self._cleanup}")

    async def rollback(self) -> None:
        """Roll the transaction back; if that fails, close the connection."""
        if self._driver is None or self._driver.is_closed():
            return await self.discard()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._driver.execute("ROLLBACK" + self._cleanup)
        except BaseException:
            await self.discard()
            raise

    async def discard(self) -> None:
        """Close the connection within CLOSE_TIMEOUT; the next `begin` opens a new one."""
        core, driver = self._core, self._driver
        self._core = self._driver = None
        if core is None:
            return
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await driver.close()
        driver.terminate()
        with suppress(Exception):
            await greenlet_spawn(core.invalidate)
            await greenlet_spawn(core.close)
        await asyncio.sleep(0)  # the event loop closes the socket in its next iteration

    def translate(self, error: Exception) -> Exception:
        """Translate a driver error to a NeurovaError; return any other error unchanged."""
        if isinstance(error, NeurovaError):
            return error
        return translate(error, self._url) or error

    async def _open(self) -> None:
        self._breaker.check()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                core = await greenlet_spawn(self._engine.connect)
        except Exception as error:
            translated = self.translate(error)
            if not isinstance(translated, NeurovaError):
                translated = StateError(
                    f"cannot be used: {error}", where=str(self._url), fix="correct the URL"
                )
            self._breaker.record_failure(translated)
            raise translated from None
        except BaseException:
            self._breaker.record_cancelled()
            raise
        self._breaker.record_success()
        self._core = core
        self._driver = core.connection.driver_connection

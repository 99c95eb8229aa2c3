"""One connection to PostgreSQL, with SQLAlchemy on top and transactions of our own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg
from sqlalchemy import CursorResult, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from ...errors import NeurovaError, StateError
from ..base import OVER, Parameters, TransactionError
from ..recovery import Recovery
from .errors import translate
from .url import PostgresUrl

CONNECT = 5.0  # seconds that opening a connection may take
CLOSE = 1.0  # seconds for a polite end, after which the socket is closed
# Writers share an advisory lock; one that clashed takes it whole, and so runs alone. It is the
# session's, taken before the transaction: within, the snapshot would be older than the lock.
LOCK = 0x6E76_7478
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
BEGIN_WRITING = (
    f"BEGIN; SELECT pg_advisory_lock_shared({LOCK}); COMMIT; BEGIN ISOLATION LEVEL SERIALIZABLE"
)
BEGIN_ALONE = (
    f"BEGIN; SET LOCAL lock_timeout = '1s'; SELECT pg_advisory_lock({LOCK}); COMMIT; "
    "BEGIN ISOLATION LEVEL SERIALIZABLE"
)
# What a function set for its session (SET, set_config, SET ROLE) is not the next one's.
RESET = "; RESET SESSION AUTHORIZATION; RESET ALL"
UNLOCK = "; SELECT pg_advisory_unlock_all()"
MARK = "; SAVEPOINT nv_begin"
BACK = "ROLLBACK TO SAVEPOINT nv_begin"
FIRST_SAVEPOINT = "SAVEPOINT nv"
NEXT_SAVEPOINT = "RELEASE SAVEPOINT nv; SAVEPOINT nv"

Errors = (
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


def engine(url: PostgresUrl, name: str = "neurova") -> AsyncEngine:
    """Return an engine whose connections are ours to keep; it begins and commits nothing."""

    async def connect() -> asyncpg.Connection:
        # The driver reads the URL, so that all that libpq understands holds: sslmode, passfile…
        return await asyncpg.connect(
            url.dsn, timeout=CONNECT, server_settings={"application_name": name}
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # an error is logged, and what was given may be about somebody
    )


class PostgresConnection:
    """Run statements on one connection, opened when first needed and again when it broke."""

    def __init__(self, engine: AsyncEngine, url: PostgresUrl, recovery: Recovery) -> None:
        self._engine = engine
        self._url = url
        self._recovery = recovery
        self._core: AsyncConnection | None = None
        self._driver: Any = None
        self._saved = False
        self._mark = self._unlock = ""

    @property
    def driver(self) -> Any:
        """Return asyncpg's connection, in the transaction that was begun."""
        return self._driver

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """Run one statement by itself, in no transaction. Raises as `begin`, and asyncpg's own."""
        if self._driver is None or self._driver.is_closed():
            await self.discard()
            await self._open()
        try:
            found: list[Any] = await self._driver.fetch(statement, *arguments)
        except Errors as error:
            raise self.meaning(error) from error
        return found

    async def begin(self, *, readonly: bool, alone: bool = False, marked: bool = False) -> None:
        """Begin a transaction; `alone`: when no other writes, or after a second in vain with them.

        One that is `marked` can go `back` to here. Raises Unavailable or StateError when the
        server cannot be used.
        """
        self._mark = MARK if marked else ""
        self._saved = False
        self._unlock = RESET if readonly else UNLOCK + RESET
        statement = BEGIN_READING if readonly else BEGIN_ALONE if alone else BEGIN_WRITING
        if self._driver is not None and not self._driver.is_closed():
            with suppress(*Errors):  # it broke while nobody used it: nothing is lost yet
                return await self._begin(statement)
        await self.discard()
        await self._open()
        try:
            await self._begin(statement)
        except Errors as error:
            raise self.meaning(error) from error

    async def _begin(self, statement: str) -> None:
        try:
            await self._driver.execute(statement + self._mark)
        except asyncpg.LockNotAvailableError:
            await self._driver.execute("ROLLBACK")
            await self._driver.execute(BEGIN_WRITING + self._mark)

    async def rollback_to_savepoint(self) -> None:
        """Undo what was done since the transaction began; it goes on."""
        await self._driver.execute(BACK)
        self._saved = False

    async def run(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]:
        """Run one statement; an error of it ends the transaction."""
        assert self._core is not None
        result = await self._core.execute(statement, parameters)
        if not self._driver.is_in_transaction():  # each further statement would last by itself
            raise TransactionError(OVER)
        return result

    async def run_saved(
        self, statement: Executable, parameters: Parameters | None
    ) -> CursorResult[Any]:
        """Run one statement; an error of it undoes it alone."""
        await self._driver.execute(NEXT_SAVEPOINT if self._saved else FIRST_SAVEPOINT)
        self._saved = True
        try:
            return await self.run(statement, parameters)
        except DBAPIError:
            if not self._driver.is_closed():
                await self._driver.execute("ROLLBACK TO SAVEPOINT nv")
            raise

    async def commit(self) -> None:
        """Make the changes last."""
        await self._driver.execute("COMMIT" + self._unlock)

    async def rollback(self) -> None:
        """Undo what the transaction did; a connection that cannot is closed."""
        if self._driver is None or self._driver.is_closed():
            return await self.discard()
        try:
            async with asyncio.timeout(CLOSE):
                await self._driver.execute("ROLLBACK" + self._unlock)
        except BaseException:
            await self.discard()
            raise

    async def discard(self) -> None:
        """Close for good what is no longer sound, within CLOSE seconds; the next `begin` opens."""
        core, driver = self._core, self._driver
        self._core = self._driver = None
        if core is None:
            return
        with suppress(Exception):
            async with asyncio.timeout(CLOSE):
                await driver.close()
        driver.terminate()
        with suppress(Exception):
            await core.invalidate()
            await core.close()
        await asyncio.sleep(0)  # the socket is closed in the loop's next turn

    def meaning(self, error: Exception) -> Exception:
        """Return the platform's error for a driver's; `error` itself where it has none."""
        found = error if isinstance(error, NeurovaError) else translate(error, self._url)
        return found or error

    async def _open(self) -> None:
        self._recovery.enter()
        try:
            async with asyncio.timeout(CONNECT):
                core = await self._engine.connect()
        except Exception as error:
            meant = self.meaning(error)
            if not isinstance(meant, NeurovaError):
                meant = StateError(f"{self._url} cannot be used: {error}")
            self._recovery.failed(meant)
            raise meant from None
        except BaseException:
            self._recovery.gave_up()
            raise
        self._recovery.answered()
        self._core = core
        self._driver = (await core.get_raw_connection()).driver_connection

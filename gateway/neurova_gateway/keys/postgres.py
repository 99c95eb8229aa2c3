"""API keys in PostgreSQL: the key store that many machines share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable

from .sql import KeyTables, SqlKeyStore

LAYOUT = 1
WAIT_SECONDS = 5.0
CLOSE_SECONDS = 1.0
CONNECTIONS = 2
_LOCK = 0x6E765F6B657973  # "nv_keys": held while the tables are created
_CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server closed an idle connection
)
T = TypeVar("T")


class PostgresKeyStore(SqlKeyStore):
    """Keep API keys in the database at `url`; any number of machines may share it.

    The driver is asynchronous, so statements run on an event loop in a thread of this store.
    Raises StateError when the database cannot be used, with the fix.
    """

    def __init__(self, url: str) -> None:
        super().__init__(KeyTables("nv_", shared=True))
        self._url = PostgresUrl(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="keys", daemon=True)
        self._thread.start()
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        try:
            self._write(self._migrate)
        except Unavailable as error:
            self.close()
            raise StateError(
                error.what,
                where=error.where,
                fix="start PostgreSQL, or fix gateway.keys; pass a password by PGPASSWORD or a "
                "pgpass file",
            ) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._loop.is_closed():
            return
        with suppress(Unavailable):
            self._run(asyncio.wait_for(self._engine.dispose(), CLOSE_SECONDS))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self) -> asyncpg.Connection[Any]:
        # The driver reads the URL, so that everything libpq understands works: sslmode, passfile…
        return await asyncpg.connect(
            self._url.dsn,
            timeout=WAIT_SECONDS,
            command_timeout=WAIT_SECONDS,
            server_settings={"application_name": "neurova keys"},
        )

    def _migrate(self, connection: Connection) -> None:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        changes = self._tables.changes
        if not inspect(connection).has_table(changes.name):
            self._tables.create(connection, layout=LAYOUT)
        layout = connection.execute(select(changes.c.layout)).scalar_one()
        if layout > LAYOUT:
            raise StateError(
                f"written by a newer NEUROVA (layout {layout}, this one reads {LAYOUT})",
                where=str(self._url),
                fix="upgrade NEUROVA, or restore an older backup",
            )

    def _read(self, work: Callable[[Connection], T]) -> T:
        return self._run(self._transaction(work))

    _write = _read

    async def _transaction(self, work: Callable[[Connection], T]) -> T:
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    def _run(self, statements: Coroutine[Any, Any, T]) -> T:
        """Run on the loop of the thread. Raises Unavailable when the database does not answer."""
        if self._loop.is_closed():
            statements.close()
            raise Unavailable("the key store is closed", where=str(self._url))
        future = asyncio.run_coroutine_threadsafe(statements, self._loop)
        try:
            return future.result(2 * WAIT_SECONDS)
        except IntegrityError:
            raise
        except _CONNECTION_ERRORS as error:
            future.cancel()
            reason = str(getattr(error, "orig", error)) or type(error).__name__
            raise Unavailable(
                f"the key store does not answer: {reason}", where=str(self._url)
            ) from error

"""API keys in PostgreSQL: the key store that many machines share."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable

from .base import KeyRecord
from .sql import LAYOUT, KeyTables, SqlKeyStore, check_layout

REFRESH_SECONDS = 0.2
STALE_SECONDS = 1.0  # without a response of the database, after which the copy must not be used
WAIT_SECONDS = 5.0
CONNECTIONS = 2  # one to refresh the copy, one to change keys
LOGGER = logging.getLogger("neurova")
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

    Finds keys in a copy of all records, about 1 KB each, and reads changes five times a second: no
    request waits for the network, and unknown keys cost no statement. `find` and `version` raise
    Unavailable when the copy is older than `STALE_SECONDS`. Statements run on an event loop in a
    thread, as the driver needs one. Raises StateError when the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        super().__init__(KeyTables("nv_", shared=True))
        self._url = PostgresUrl(url)
        self._copy: dict[bytes, KeyRecord] = {}
        self._copied_version = -1
        self._fresh_until = -1.0
        self._refreshing: asyncio.Task[None] | None = None
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
            self._run(self._open())
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

    def find(self, digest: bytes) -> KeyRecord | None:
        """Return the record of the key with that SHA-256, revoked and expired ones too."""
        self._check_fresh()
        return self._copy.get(digest)

    def version(self) -> int:
        """Return the number of changes that the copy includes, by any process."""
        self._check_fresh()
        return self._copied_version

    def close(self) -> None:
        """Close the connections, end the thread and empty the copy."""
        if self._loop.is_closed():
            return
        with suppress(Unavailable):
            self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._fresh_until = -1.0
        self._copy = {}

    # These methods run in the thread of the caller.

    def _check_fresh(self) -> None:
        if monotonic() > self._fresh_until:
            raise Unavailable("the key store does not answer", where=str(self._url))

    def _read(self, work: Callable[[Connection], T]) -> T:
        return self._run(self._transaction(work))

    _write = _read

    def _change(self, work: Callable[[Connection, int], T]) -> T:
        result = super()._change(work)
        self._run(self._refresh())
        return result

    def _run(self, statements: Coroutine[Any, Any, T]) -> T:
        """Run statements on the loop. Raises Unavailable when the database does not answer."""
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

    # These methods run on the event loop of the store.

    async def _connect(self) -> asyncpg.Connection[Any]:
        # Pass the URL unchanged: the driver supports libpq's options, like sslmode and passfile.
        return await asyncpg.connect(
            self._url.dsn,
            timeout=WAIT_SECONDS,
            command_timeout=WAIT_SECONDS,
            server_settings={"application_name": "neurova keys"},
        )

    async def _open(self) -> None:
        await self._transaction(self._migrate)
        await self._refresh()
        self._refreshing = asyncio.create_task(self._keep_fresh())

    async def _close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
        await asyncio.wait_for(self._engine.dispose(), STALE_SECONDS)

    async def _transaction(self, work: Callable[[Connection], T]) -> T:
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self._refresh()
            except _CONNECTION_ERRORS:
                continue  # `find` raises once the copy is stale
            except Exception:
                LOGGER.exception("The copy of the keys cannot be refreshed")
                await asyncio.sleep(WAIT_SECONDS)

    async def _refresh(self) -> None:
        began = monotonic()
        await self._transaction(self._read_changes)
        self._fresh_until = began + STALE_SECONDS

    def _read_changes(self, connection: Connection) -> None:
        version = self._read_number(connection)
        if version > self._copied_version >= 0:
            changed = self._tables.keys.c.change > self._copied_version
            records = self._fetch(connection, self._select.where(changed))
            self._copy.update({record.digest: record for record in records})
        elif version != self._copied_version:
            # The first read, or the number is lower: the database was restored from a backup.
            records = self._fetch(connection, self._select)
            self._copy = {record.digest: record for record in records}
        self._copied_version = version

    def _migrate(self, connection: Connection) -> None:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        changes = self._tables.changes
        if not inspect(connection).has_table(changes.name):
            self._tables.create(connection, layout=LAYOUT)
        check_layout(connection.execute(select(changes.c.layout)).scalar_one(), str(self._url))

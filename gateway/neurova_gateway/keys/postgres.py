"""Store API keys in PostgreSQL, shared by several machines."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from time import monotonic
from typing import Any, TypeVar

import asyncpg

from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable

from .base import KeyRecord
from .sql import LAYOUT, SqlKeyStore, Statement, check_layout

REFRESH_SECONDS = 0.2
STALE_SECONDS = 1.0  # maximum age of the copy; an older copy is not used
WAIT_SECONDS = 5.0
CONNECTIONS = 2  # one to refresh the copy, one to change keys
LOGGER = logging.getLogger("neurova")
_LOCK = 0x6E765F6B657973  # "nv_keys" in ASCII: the advisory lock for creating the tables
_CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server closed an idle connection
)
_SCHEMA = """
CREATE TABLE nv_keys (
    key_id text PRIMARY KEY, digest bytea NOT NULL UNIQUE, consumer text NOT NULL,
    environment text NOT NULL, scopes text[] NOT NULL, created_at double precision NOT NULL,
    expires_at double precision, revoked_at double precision, last_used_at double precision,
    limits text NOT NULL, quota bigint NOT NULL, cidrs text[] NOT NULL, name text NOT NULL,
    change bigint NOT NULL
);
CREATE INDEX nv_keys_of_consumer ON nv_keys (consumer);
CREATE INDEX nv_keys_by_change ON nv_keys (change);
CREATE TABLE nv_keys_consumers (consumer text PRIMARY KEY, limits text NOT NULL);
CREATE TABLE nv_keys_changes (number bigint NOT NULL, layout integer NOT NULL);
INSERT INTO nv_keys_changes (number, layout) VALUES (0, 1);
"""
_SCHEMA_2 = """
ALTER TABLE nv_keys_consumers ADD COLUMN plan text NOT NULL DEFAULT '',
    ADD COLUMN custom_id text NOT NULL DEFAULT '', ADD COLUMN metadata text NOT NULL DEFAULT '{}';
CREATE TABLE nv_keys_usage (
    day text NOT NULL, consumer text NOT NULL, key_id text NOT NULL, function text NOT NULL,
    calls bigint NOT NULL, refused bigint NOT NULL, failed bigint NOT NULL,
    PRIMARY KEY (day, consumer, key_id, function)
);
UPDATE nv_keys_changes SET layout = 2;
"""
_LAYOUTS = (_SCHEMA, _SCHEMA_2)
T = TypeVar("T")


class PostgresKeyStore(SqlKeyStore):
    """Keep API keys in the database at `url`; any number of machines may share it.

    The store looks up keys in an in-memory copy of all records (about 1 KB each) and reads changes
    five times a second. So no request waits for the network, and an unknown key costs no query.
    `find` and `version` raise Unavailable when the copy is older than `STALE_SECONDS`. Statements
    run on an event loop in a thread, because the driver needs an event loop.

    Raises StateError if the database cannot be used.
    """

    _duplicate_error = asyncpg.UniqueViolationError

    def __init__(self, url: str) -> None:
        super().__init__(
            "nv_keys", "nv_keys_consumers", "nv_keys_changes", "nv_keys_usage", has_change=True
        )
        self._url = PostgresUrl(url)
        self._copy: dict[bytes, KeyRecord] = {}
        self._copied_version = -1
        self._fresh_until = -1.0
        self._pool: Any = None
        self._refreshing: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="keys", daemon=True)
        self._thread.start()
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
        """Return the key record with this SHA-256, even if the key is revoked or expired."""
        self._check_fresh()
        return self._copy.get(digest)

    def version(self) -> int:
        """Return the number of changes, by any process, that the copy includes."""
        self._check_fresh()
        return self._copied_version

    def refresh(self) -> None:
        """Read changes now; a process that was suspended has missed its regular refreshes."""
        self._run(self._refresh())

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

    # The methods below run in the caller's thread.

    def _check_fresh(self) -> None:
        if monotonic() > self._fresh_until:
            raise Unavailable("the key store does not answer", where=str(self._url))

    def _read(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        return self._run(self._pool.fetch(sql, *values))

    def _write(self, *statements: Statement) -> None:
        self._run(self._transaction(statements))

    def _change(self, *statements: Statement) -> None:
        super()._change(*statements)
        self._run(self._refresh())

    def _encode(self, texts: Sequence[str]) -> list[str]:
        return list(texts)

    def _decode(self, value: list[str]) -> Sequence[str]:
        return value

    def _run(self, statements: Coroutine[Any, Any, T]) -> T:
        """Run statements on the loop. Raises Unavailable when the database does not answer."""
        if self._loop.is_closed():
            statements.close()
            raise Unavailable("the key store is closed", where=str(self._url))
        future = asyncio.run_coroutine_threadsafe(statements, self._loop)
        try:
            return future.result(2 * WAIT_SECONDS)
        except self._duplicate_error:
            raise
        except _CONNECTION_ERRORS as error:
            future.cancel()
            reason = str(error) or type(error).__name__
            raise Unavailable(
                f"the key store does not answer: {reason}", where=str(self._url)
            ) from error

    # The methods below run on the event loop of the store.

    async def _open(self) -> None:
        # Pass the URL unchanged: the driver supports libpq's options, like sslmode and passfile.
        self._pool = await asyncpg.create_pool(
            self._url.dsn,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=WAIT_SECONDS,
            command_timeout=WAIT_SECONDS,
            server_settings={"application_name": "neurova keys"},
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            layout = 0
            if await connection.fetchval("SELECT to_regclass('nv_keys_changes')") is not None:
                layout = await connection.fetchval("SELECT layout FROM nv_keys_changes")
                layout = LAYOUT if layout is None else layout  # `_refresh` reports an empty table
            check_layout(layout, str(self._url))
            for statements in _LAYOUTS[layout:]:
                await connection.execute(statements)
        await self._refresh()
        self._refreshing = asyncio.create_task(self._keep_fresh())

    async def _close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
        if self._pool is not None:
            await asyncio.wait_for(self._pool.close(), STALE_SECONDS)

    async def _transaction(self, statements: Sequence[Statement]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            for sql, group in groupby(statements, itemgetter(0)):
                await connection.executemany(sql, [values for _, values in group])

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self._refresh()
            except _CONNECTION_ERRORS:
                continue  # `find` raises Unavailable once the copy is too old
            except Exception:
                LOGGER.exception("The copy of the keys cannot be refreshed")
                await asyncio.sleep(WAIT_SECONDS)

    async def _refresh(self) -> None:
        began = monotonic()
        version = await self._pool.fetchval(self._number)
        if version is None:
            raise StateError(
                "the table nv_keys_changes is empty",
                where=str(self._url),
                fix="restore a complete backup",
            )
        if version > self._copied_version >= 0:
            changed = f"{self._select} WHERE change > $1"
            rows = await self._pool.fetch(changed, self._copied_version)
            self._copy.update({record.digest: record for record in self._records(rows)})
        elif version != self._copied_version:
            # Read all records: this is the first read, or the change number is lower because a
            # backup was restored.
            rows = await self._pool.fetch(self._select)
            self._copy = {record.digest: record for record in self._records(rows)}
        self._copied_version = version
        self._fresh_until = began + STALE_SECONDS

"""API keys in PostgreSQL: the key store that many machines share."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

import asyncpg

from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable

from .base import KeyRecord

LAYOUT = 1
LOOK_SECONDS = 0.2
STALE_SECONDS = 1.0  # without an answer, after which a look at the copy proves nothing
WAIT_SECONDS = 5.0
CONNECTIONS = 2  # one looks for changes, one changes
LOGGER = logging.getLogger("neurova")
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's farewell came while nothing was asked of it
)
_LOCK = 0x6E765F6B657973  # "nv_keys": held while the tables are made

_SCHEMA = """
CREATE TABLE nv_keys_changes (number bigint NOT NULL, layout int NOT NULL);
INSERT INTO nv_keys_changes VALUES (0, 1);
CREATE TABLE nv_keys_consumers (consumer text PRIMARY KEY, limits text NOT NULL);
CREATE TABLE nv_keys (
    key_id text PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    consumer text NOT NULL,
    environment text NOT NULL,
    scopes text[] NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision,
    revoked_at double precision,
    last_used_at double precision,
    limits text NOT NULL,
    quota bigint NOT NULL,
    cidrs text[] NOT NULL,
    name text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    change bigint NOT NULL
);
CREATE INDEX nv_keys_of_consumer ON nv_keys (consumer);
CREATE INDEX nv_keys_by_change ON nv_keys (change);
"""
_SELECT = """
SELECT key_id, consumer, environment, scopes, created_at, digest, expires_at, revoked_at,
       last_used_at, keys.limits, coalesce(consumers.limits, ''), quota, cidrs, name
FROM nv_keys AS keys LEFT JOIN nv_keys_consumers AS consumers USING (consumer)
"""
_INSERT = """
INSERT INTO nv_keys (key_id, digest, consumer, environment, scopes, created_at, expires_at,
                     revoked_at, last_used_at, limits, quota, cidrs, name, change)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
_LIMIT = """
INSERT INTO nv_keys_consumers VALUES ($1, $2)
ON CONFLICT (consumer) DO UPDATE SET limits = excluded.limits
"""
_LAST_USED = """
UPDATE nv_keys SET last_used_at = greatest(coalesce(last_used_at, $2), $2) WHERE key_id = $1
"""
T = TypeVar("T")
_Change = Callable[["asyncpg.Connection[Any]", int], Coroutine[Any, Any, T]]


class PostgresKeyStore:
    """Keep API keys in the database at `url`; any number of machines may share it.

    Every process holds a copy of all keys, some 1 KB each, and asks five times a second for what
    has changed: a call never waits for the network, and a flood of unknown keys asks nobody. A
    copy that could not be compared for a second finds nothing any more: `Unavailable`. Threads may
    share a store. Raises StateError when the database cannot be used, with what to do.
    """

    def __init__(self, url: str) -> None:
        self._shown = PostgresUrl(url)
        self._url = url
        self._records: dict[bytes, KeyRecord] = {}
        self._number = -1
        self._fresh_until = -1.0
        self._pool: Any = None
        self._watching: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="keys", daemon=True)
        self._thread.start()
        try:
            self._run(self._open())
        except Unavailable as error:
            self.close()
            raise StateError(
                f"{error}: start PostgreSQL, or mend gateway.keys; a password comes by PGPASSWORD "
                "or a pgpass file"
            ) from None
        except BaseException:
            self.close()
            raise

    def find(self, digest: bytes) -> KeyRecord | None:
        """Return the record of the key with that SHA-256, revoked and expired ones too."""
        self._check_fresh()
        return self._records.get(digest)

    def records(self, consumer: str | None = None) -> Sequence[KeyRecord]:
        """Return all keys, or those of one consumer, oldest first."""
        if consumer is not None and "\0" in consumer:
            return []  # no text here has one, and PostgreSQL takes none to look for

        async def select() -> list[KeyRecord]:
            where = "" if consumer is None else "WHERE consumer = $1"
            given = () if consumer is None else (consumer,)
            statement = f"{_SELECT} {where} ORDER BY created_at, seq"
            return [_record(row) for row in await self._pool.fetch(statement, *given)]

        return self._run(select())

    def add(self, record: KeyRecord) -> None:
        """Store a new key, and its consumer's limits where the record names some.

        Raises ValueError if a key of that id or digest is there already.
        """

        async def insert(connection: asyncpg.Connection[Any], number: int) -> None:
            await connection.execute(_INSERT, *_row(record), number)
            if record.consumer_limits:
                await _limit(connection, number, record.consumer, record.consumer_limits)

        try:
            self._change(insert)
        except asyncpg.UniqueViolationError:
            raise ValueError(f"key {record.key_id!r} is stored already") from None

    def revoke(self, key_id: str, at: float) -> bool:
        """End a key at `at`, unless it ends earlier already; False if there is no such key."""

        async def update(connection: asyncpg.Connection[Any], number: int) -> bool:
            done: str = await connection.execute(
                "UPDATE nv_keys SET revoked_at = least(coalesce(revoked_at, $2), $2), change = $3 "
                "WHERE key_id = $1",
                key_id,
                at,
                number,
            )
            return done == "UPDATE 1"

        return self._change(update)

    def set_consumer_limits(self, consumer: str, limits: str) -> None:
        """Bind all keys of a consumer together to `limits`, "" for none."""
        self._change(lambda connection, number: _limit(connection, number, consumer, limits))

    def touch(self, used: dict[str, float]) -> None:
        """Note when keys were last used; that is no change that `version` tells of."""
        # In one order everywhere, so that two processes do not wait for each other.
        self._run(self._executed(_LAST_USED, sorted(used.items())))

    def version(self) -> int:
        """Return the number of changes that this copy holds, by anybody."""
        self._check_fresh()
        return self._number

    def close(self) -> None:
        """Let go of connections and copy."""
        if self._loop.is_closed():
            return
        with suppress(Unavailable):
            self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._fresh_until = -1.0
        self._records = {}

    # On the thread's loop.

    async def _open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=WAIT_SECONDS,
            command_timeout=WAIT_SECONDS,
            server_settings={"application_name": "neurova keys"},
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if await connection.fetchval("SELECT to_regclass('nv_keys_changes')") is None:
                await connection.execute(_SCHEMA)
            layout = await connection.fetchval("SELECT layout FROM nv_keys_changes")
        if layout > LAYOUT:
            raise StateError(
                f"{self._shown} was written by a newer NEUROVA (layout {layout}, this one knows "
                f"{LAYOUT}): upgrade NEUROVA, or restore an older backup"
            )
        await self._look()
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        told = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
                told = False
            except _LOST:
                continue  # who asks is told, once the copy is stale
            except Exception as error:  # a table half restored: it is looked at until it is whole
                if not told:
                    LOGGER.error("%s: keys cannot be read", self._shown, exc_info=error)
                told = True

    async def _look(self) -> None:
        """Bring the copy up to date."""
        asked = monotonic()
        number = await self._pool.fetchval("SELECT number FROM nv_keys_changes")
        if number != self._number:
            # Numbers that went back are those of a backup: all is read anew.
            since = self._number if number > self._number else -1
            rows = await self._pool.fetch(f"{_SELECT} WHERE change > $1", since)
            found = {record.digest: record for record in map(_record, rows)}
            if since >= 0:
                self._records.update(found)
            else:
                self._records = found
            self._number = number
        self._fresh_until = asked + STALE_SECONDS

    async def _changed(self, change: _Change[T]) -> T:
        async with self._pool.acquire() as connection, connection.transaction():
            # Its row is locked until the end: changes become visible in the order of their numbers.
            number = await connection.fetchval(
                "UPDATE nv_keys_changes SET number = number + 1 RETURNING number"
            )
            result = await change(connection, number)
        await self._look()
        return result

    async def _executed(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        await self._pool.executemany(statement, rows)

    async def _end(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), STALE_SECONDS)
            except TimeoutError:
                self._pool.terminate()

    # On the caller's thread.

    def _change(self, change: _Change[T]) -> T:
        return self._run(self._changed(change))

    def _check_fresh(self) -> None:
        if monotonic() > self._fresh_until:
            raise Unavailable(f"{self._shown}: the key store does not answer")

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the thread's loop. Raises Unavailable when the database does not answer."""
        if self._loop.is_closed():
            work.close()
            raise Unavailable(f"{self._shown}: the key store is closed")
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result(2 * WAIT_SECONDS)
        except asyncpg.UniqueViolationError:
            raise
        except _LOST as error:
            running.cancel()
            said = str(error) or type(error).__name__
            raise Unavailable(f"{self._shown}: the key store does not answer: {said}") from error


async def _limit(
    connection: asyncpg.Connection[Any], number: int, consumer: str, limits: str
) -> None:
    await connection.execute(_LIMIT, consumer, limits)
    await connection.execute("UPDATE nv_keys SET change = $2 WHERE consumer = $1", consumer, number)


def _row(record: KeyRecord) -> tuple[Any, ...]:
    return (
        record.key_id,
        record.digest,
        record.consumer,
        record.environment,
        sorted(record.scopes),
        record.created_at,
        record.expires_at,
        record.revoked_at,
        record.last_used_at,
        record.limits,
        record.quota,
        list(record.cidrs),
        record.name,
    )


def _record(row: Any) -> KeyRecord:
    values = dict(zip(KeyRecord.__struct_fields__, row, strict=True))
    values["scopes"] = frozenset(values["scopes"])
    values["cidrs"] = tuple(values["cidrs"])
    return KeyRecord(**values)

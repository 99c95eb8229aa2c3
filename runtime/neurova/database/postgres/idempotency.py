"""Answers kept in a service's PostgreSQL database, and who may write the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy.dialects.postgresql import insert

from ...errors import StateError
from ..base import AlreadyStored, StoredResponse, Transaction
from ..key_locks import LocalKeyLocks
from ..stored_responses import BATCH, answers, put, row_of, stored_of
from .locks import PostgresLocks
from .url import PostgresUrl

if TYPE_CHECKING:
    from .database import PostgresTransaction

SWEEPING = b"sweeping"
MISSING = "42P01"  # SQLSTATE of a table that is not there
_PUT = put(insert)
_FIND = (
    "SELECT fingerprint, status, content_type, fields, body FROM nv_idempotency "
    "WHERE key = $1 AND expires > $2"
)
_SWEEP = (
    "DELETE FROM nv_idempotency WHERE key IN (SELECT key FROM nv_idempotency WHERE expires <= $1 "
    "ORDER BY expires LIMIT $2) RETURNING 1"
)

Begin = Callable[[float], "PostgresTransaction"]


class PostgresIdempotencyStore:
    """Find, write and sweep the answers of one database.

    `begin` returns a transaction that can go back to its beginning; `clock` gives Unix seconds.
    """

    def __init__(
        self, url: PostgresUrl, locks: PostgresLocks, begin: Begin, clock: Callable[[], float]
    ) -> None:
        self.begin = begin
        self._url = url
        self._locks = locks
        self._clock = clock
        self._claims = LocalKeyLocks()

    async def lock_key(self, key: bytes, deadline: float) -> PostgresKeyLock:
        """Wait for a key, in line in this process, then among processes; find what it keeps."""
        stored = await self._claims.lock(key, deadline)
        if stored is not None:
            return PostgresKeyLock(self, key, stored, held=False)
        try:
            await self._locks.take(key, deadline)
        except BaseException:
            self._claims.release(key)
            raise
        key_lock = PostgresKeyLock(self, key, None, held=True)
        try:
            key_lock.response = await self.find(key, deadline)
        except BaseException:
            await key_lock.release()
            raise
        return key_lock

    async def find(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return the answer under a key."""
        try:
            rows = await self._locks.ask(deadline, _FIND, key, int(self._clock()))
        except Exception as error:
            raise self._missing(error) or error from None
        return stored_of(rows[0]) if rows else None

    async def store(self, tx: Transaction, key: bytes, stored: StoredResponse) -> None:
        """Write the answer under a key."""
        written = await tx.execute(_PUT, row_of(key, stored, self._clock()))
        if not written.rowcount:  # type: ignore[attr-defined]  # of a CursorResult
            raise AlreadyStored(f"{self._url}: another call has kept its answer")

    async def release(self, key: bytes, stored: StoredResponse | None) -> None:
        """Give a key back, with the answer that is kept under it now."""
        if stored is not None:
            self._claims.release(key, stored)  # who waits here needs no lock any more
            await self._locks.free(key)
            return
        try:
            await self._locks.free(key)
        finally:
            self._claims.release(key)

    async def delete_expired(self, patience: float) -> int:
        """Delete some answers whose time is over; one process at a time does."""
        deadline = asyncio.get_running_loop().time() + patience
        if not await self._locks.attempt(SWEEPING, deadline):
            return 0
        try:
            return len(await self._locks.ask(deadline, _SWEEP, int(self._clock()), BATCH))
        except Exception as error:
            if self._missing(error) is None:
                raise
            return 0
        finally:
            await self._locks.free(SWEEPING)

    def _missing(self, error: Exception) -> StateError | None:
        if getattr(error, "sqlstate", None) != MISSING:
            return None
        return StateError(f"{self._url} has no table {answers.name}: run `neurova db upgrade`")


class PostgresKeyLock:
    """A key that a call has; not `held`: the answer it waited for, without the key."""

    def __init__(
        self,
        answers: PostgresIdempotencyStore,
        key: bytes,
        stored: StoredResponse | None,
        *,
        held: bool,
    ) -> None:
        self.response = stored
        self._answers = answers
        self._key = key
        self._held = held

    def transaction(self, deadline: float) -> Transaction:
        """Return a transaction for writing, not yet open; one at a time."""
        return self._answers.begin(deadline)

    async def store(self, tx: Transaction, stored: StoredResponse) -> None:
        """Write an answer in a transaction of the key_lock: it is kept once that has committed."""
        await self._answers.store(tx, self._key, stored)

    async def find(self, deadline: float) -> StoredResponse | None:
        """Look again for the answer that is kept."""
        return await self._answers.find(self._key, deadline)

    async def release(self, stored: StoredResponse | None = None) -> None:
        """Give the key back, once; those in line are given the answer, if one is kept."""
        if self._held:
            self._held = False
            await self._answers.release(self._key, stored or self.response)

"""Lock idempotency keys with advisory locks; store responses in the service's database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy.dialects.postgresql import insert

from ...errors import StateError
from ..base import StoredResponse
from ..idempotency import IdempotencyStore
from ..key_locks import LocalKeyLocks
from ..stored_responses import BATCH, build_insert, from_row, responses
from .errors import sqlstate
from .locks import PostgresLocks
from .transaction import PostgresTransaction, PostgresTransactions

DELETE_TIMEOUT = 5.0  # seconds
DELETE_LOCK = b"sweeping"
UNDEFINED_TABLE = "42P01"  # SQLSTATE
_INSERT = build_insert(insert)
_FIND = (
    "SELECT fingerprint, status, content_type, fields, body FROM nv_idempotency "
    "WHERE key = $1 AND expires > $2"
)
_DELETE_EXPIRED = (
    "DELETE FROM nv_idempotency WHERE key IN (SELECT key FROM nv_idempotency WHERE expires <= $1 "
    "ORDER BY expires LIMIT $2) RETURNING 1"
)


class PostgresIdempotencyStore(IdempotencyStore):
    """Lock keys and store responses of one database."""

    def __init__(
        self,
        transactions: PostgresTransactions,
        locks: PostgresLocks,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(_INSERT, clock)
        self._transactions = transactions
        self._locks = locks
        self._local_locks = LocalKeyLocks()

    @property
    def local_locks(self) -> LocalKeyLocks:
        """Return the key locks for the calls of this process."""
        return self._local_locks

    def begin(self, deadline: float) -> PostgresTransaction:
        """Return a write transaction with a savepoint at its start."""
        return self._transactions.transaction(readonly=False, deadline=deadline, savepoint=True)

    async def find(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return the response stored under a key."""
        try:
            rows = await self._locks.fetch(deadline, _FIND, key, int(self.clock()))
        except Exception as error:
            if sqlstate(error) != UNDEFINED_TABLE:
                raise
            raise StateError(
                f"has no table {responses.name}",
                where=str(self._transactions.url),
                fix="run `neurova db upgrade`",
            ) from None
        return from_row(rows[0]) if rows else None

    async def lock_process(self, key: bytes, deadline: float) -> None:
        """Lock a key against other processes. Raises KeyLocked at `deadline`."""
        await self._locks.lock(key, deadline)

    async def unlock_process(self, key: bytes) -> None:
        """Unlock a key for other processes."""
        await self._locks.unlock(key)

    async def delete_expired(self) -> int:
        """Delete a batch of expired responses, unless another process is deleting."""
        deadline = asyncio.get_running_loop().time() + DELETE_TIMEOUT
        if not await self._locks.try_lock(DELETE_LOCK, deadline):
            return 0
        try:
            now = int(self.clock())
            return len(await self._locks.fetch(deadline, _DELETE_EXPIRED, now, BATCH))
        except Exception as error:
            if sqlstate(error) != UNDEFINED_TABLE:
                raise
            return 0
        finally:
            await self._locks.unlock(DELETE_LOCK)

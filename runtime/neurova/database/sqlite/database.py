"""The database of a service in one SQLite file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..base import StoredResponse
from ..idempotency import HeldKeyLock
from .idempotency import SqliteIdempotencyStore
from .transaction import MARGIN, SqliteTransactions


class SqliteDatabase(SqliteTransactions):
    """The database of one service in the file at `path`; use one object per file and process.

    The first transaction opens the file; statements raise StateError if it is unusable.
    `clock` returns Unix seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path)
        self._idempotency = SqliteIdempotencyStore(self, clock)

    async def lock_key(self, key: bytes, deadline: float) -> HeldKeyLock:
        """Wait for the lock of an idempotency key; see `Database`."""
        return await self._idempotency.lock_key(key, deadline - MARGIN)

    async def find_response(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return the response stored under a key; see `Database`."""
        return await self._idempotency.find(key, deadline - MARGIN)

    async def delete_expired(self) -> int:
        """Delete a batch of expired responses and return their number; see `Database`."""
        return await self._idempotency.delete_expired()

    async def close(self) -> None:
        """Wait for open transactions and close all connections."""
        self._idempotency.close()
        await super().close()

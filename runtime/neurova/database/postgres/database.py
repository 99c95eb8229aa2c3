"""The database of a service on a PostgreSQL server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from ..base import StoredResponse
from ..idempotency import HeldKeyLock
from .circuit_breaker import CircuitBreaker
from .connection import PostgresConnection, create_postgres_engine
from .idempotency import PostgresIdempotencyStore
from .locks import PostgresLocks
from .transaction import PostgresTransactions, subtract_margin
from .url import PostgresUrl

CONNECTIONS = 8  # default maximum of connections per process to the database of one service


class PostgresDatabase(PostgresTransactions):
    """The database of one service at `url`; use one object per database and process.

    Connections open on first use: at most `connections`, half of them for writing, and one more for
    idempotency keys. Statements raise Unavailable if the server does not answer, StateError if it
    refuses the connection. pg_stat_activity shows `name`; `clock` returns Unix seconds.
    """

    def __init__(
        self,
        url: PostgresUrl,
        connections: int = CONNECTIONS,
        name: str = "neurova",
        clock: Callable[[], float] = time.time,
    ) -> None:
        engine = create_postgres_engine(url, name)
        breaker = CircuitBreaker()
        super().__init__(engine, url, connections, breaker)
        self._locks = PostgresLocks(
            lambda: PostgresConnection(engine, url, breaker), self.run_in_background
        )
        self._idempotency = PostgresIdempotencyStore(self, self._locks, clock)
        if url.credentials is not None:
            url.credentials.subscribe(self._start_closing_retired(asyncio.get_running_loop()))

    async def lock_key(self, key: bytes, deadline: float) -> HeldKeyLock:
        """Wait for the lock of an idempotency key; see `Database`."""
        return await self._idempotency.lock_key(key, subtract_margin(deadline))

    async def find_response(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return the response stored under a key; see `Database`."""
        return await self._idempotency.find(key, subtract_margin(deadline))

    async def delete_expired(self) -> int:
        """Delete a batch of expired responses and return their number; see `Database`."""
        return await self._idempotency.delete_expired()

    async def close_retired(self) -> None:
        """Close idle connections with a replaced credential; others close when released."""
        await super().close_retired()
        await self._locks.close_retired()

    def _start_closing_retired(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Return a function, callable in any thread, that closes retired connections on `loop`."""

        def start() -> None:
            self.run_in_background(self.close_retired())

        def schedule() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(start)

        return schedule

    async def close(self) -> None:
        """Wait for open transactions and close all connections."""
        await super().close()
        await self._locks.close()

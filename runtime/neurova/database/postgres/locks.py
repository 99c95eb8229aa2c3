"""Lock names across processes with PostgreSQL's advisory locks, over one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from ...errors import NeurovaError, Unavailable
from ..base import KeyLocked
from .connection import PostgresConnection

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.03  # seconds between attempts to lock
STATEMENT_TIMEOUT = 5.0  # seconds
_TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
_UNLOCK = "SELECT pg_advisory_unlock($1)"


class PostgresLocks:
    """Hold locks on names; each lock excludes all other processes that use the same database.

    These are session locks: a caller takes the lock before its transaction takes a snapshot, and
    the server releases it if the process dies. Waiting calls poll over one connection, so they do
    not occupy the pool of the transactions. Within a process locks are counted: unlock as often as
    you lock. A retired connection stays open until its locks are released. `create` returns a
    connection, `run_in_background` runs a coroutine without waiting for it.
    """

    def __init__(
        self,
        create: Callable[[], PostgresConnection],
        run_in_background: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._create = create
        self._connection = create()
        self._holders: dict[bytes, list[PostgresConnection]] = {}  # by name of the lock
        self._run_in_background = run_in_background
        self._lock = asyncio.Lock()

    async def fetch(self, deadline: float, statement: str, *arguments: Any) -> list[Any]:
        """Run one statement. Raises Unavailable at `deadline`, in event-loop seconds."""
        return await _wait_until(
            deadline, asyncio.ensure_future(self._fetch(statement, *arguments))
        )

    async def try_lock(self, name: bytes, deadline: float) -> bool:
        """Lock a name; return False if another process holds it."""
        attempt = asyncio.ensure_future(self._try_lock(name))
        try:
            return await _wait_until(deadline, attempt)
        except BaseException:
            self._run_in_background(self._undo(attempt, name))
            raise

    async def lock(self, name: bytes, deadline: float) -> None:
        """Wait for the lock of a name. Raises KeyLocked at `deadline`.

        Raises Unavailable if the server does not answer.
        """
        loop, pause, has_answered = asyncio.get_running_loop(), FIRST_PAUSE, False
        while not has_answered or loop.time() < deadline:
            try:
                if await self.try_lock(name, deadline):
                    return
            except Unavailable:
                if not has_answered or loop.time() < deadline:
                    raise
                break
            has_answered = True
            await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
            pause = min(pause * 1.5, LONGEST_PAUSE)
        raise KeyLocked("another process held the key until the deadline")

    async def unlock(self, name: bytes) -> None:
        """Unlock a name; if that fails, the closed connection releases the lock."""
        with suppress(NeurovaError):
            async with self._lock:
                holder = self._take_holder(name)
                await self._fetch_on(holder, _UNLOCK, _number(name))
                if holder is not self._connection and not self._is_holding(holder):
                    await holder.discard()

    async def close_retired(self) -> None:
        """Replace a retired connection, and close it unless it holds locks."""
        async with self._lock:
            await self._replace_retired()

    async def close(self) -> None:
        """Close all connections, which releases their locks."""
        for connection in {
            self._connection,
            *(each for held in self._holders.values() for each in held),
        }:
            await connection.discard()

    async def _try_lock(self, name: bytes) -> bool:
        async with self._lock:
            await self._replace_retired()
            rows = await self._fetch_on(self._connection, _TRY_LOCK, _number(name))
            if rows[0][0]:
                self._holders.setdefault(name, []).append(self._connection)
            return bool(rows[0][0])

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._lock:
            await self._replace_retired()
            return await self._fetch_on(self._connection, statement, *arguments)

    async def _fetch_on(
        self, connection: PostgresConnection, statement: str, *arguments: Any
    ) -> list[Any]:
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT):
                return await connection.fetch(statement, *arguments)
        except TimeoutError:
            await connection.discard()
            raise Unavailable(
                f"the database did not answer within {STATEMENT_TIMEOUT:g} s",
                fix="retry the call",
            ) from None

    async def _replace_retired(self) -> None:
        if self._connection.is_retired():
            retired, self._connection = self._connection, self._create()
            if not self._is_holding(retired):
                await retired.discard()

    def _is_holding(self, connection: PostgresConnection) -> bool:
        return any(connection in holders for holders in self._holders.values())

    def _take_holder(self, name: bytes) -> PostgresConnection:
        holders = self._holders.get(name) or [self._connection]
        holder = holders.pop()
        if not holders:
            self._holders.pop(name, None)
        return holder

    async def _undo(self, attempt: asyncio.Future[bool], name: bytes) -> None:
        """Release the lock if the abandoned attempt has taken it."""
        await asyncio.wait([attempt])
        if not attempt.cancelled() and attempt.exception() is None and attempt.result():
            await self.unlock(name)


async def _wait_until(deadline: float, statement: asyncio.Future[T]) -> T:
    """Wait for a statement, which keeps running if the caller is cancelled or times out."""
    left = deadline - asyncio.get_running_loop().time()
    done, _ = await asyncio.wait([statement], timeout=max(0.0, left))
    if not done:
        statement.add_done_callback(_retrieve_exception)
        raise Unavailable("the database did not answer until the deadline", fix="retry the call")
    return statement.result()


def _number(name: bytes) -> int:
    return int.from_bytes(name[:8], "big", signed=True)


def _retrieve_exception(statement: asyncio.Future[Any]) -> None:
    """Retrieve the exception: otherwise asyncio logs it, because nothing awaits the statement."""
    if not statement.cancelled():
        statement.exception()

"""Locks among processes: PostgreSQL's advisory locks, all of a process by one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from ...errors import NeurovaError, Unavailable
from ..base import KeyLocked
from .connection import PostgresConnection

PAUSE, LONGEST_PAUSE = 0.002, 0.03  # seconds
PATIENCE = 5.0  # seconds that the server has for one answer
_TRY = "SELECT pg_try_advisory_lock($1)"
_UNLOCK = "SELECT pg_advisory_unlock($1)"


class PostgresLocks:
    """Lock names of 8 octets or more among the processes that use one database.

    A session has a lock until it gives it back or ends, whatever its transactions do: so it is
    taken before a transaction has a snapshot, and a process that dies has none. Who waits asks
    again and again, on the one connection: a call that waits, or works on something else, takes
    none of those that transactions need. Within the process a lock is had as often as it is taken.
    `later` lets work go on that nobody waits for.
    """

    def __init__(
        self,
        connection: PostgresConnection,
        later: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._connection = connection
        self._later = later
        self._turn = asyncio.Lock()

    async def ask(self, deadline: float, statement: str, *arguments: Any) -> list[Any]:
        """Run one statement by itself. Raises Unavailable at `deadline`, in event-loop seconds."""
        return await self._answered(self._asked(statement, *arguments), deadline)

    async def attempt(self, name: bytes, deadline: float) -> bool:
        """Lock a name, if no other process has it, and tell whether it did."""
        asking = asyncio.ensure_future(self._asked(_TRY, _number(name)))
        try:
            return bool((await self._answered(asking, deadline))[0][0])
        except BaseException:
            self._later(self._undo(asking, name))
            raise

    async def take(self, name: bytes, deadline: float) -> None:
        """Lock a name, asking again and again; KeyLocked at `deadline`.

        Raises Unavailable when the server does not answer.
        """
        loop, pause, known = asyncio.get_running_loop(), PAUSE, False
        while not known or loop.time() < deadline:
            try:
                if await self.attempt(name, deadline):
                    return
            except Unavailable:
                if not known or loop.time() < deadline:
                    raise
                break
            known = True
            await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
            pause = min(pause * 1.5, LONGEST_PAUSE)
        raise KeyLocked("a call in another process had the key until the deadline")

    async def free(self, name: bytes) -> None:
        """Unlock a name; a server that does not answer has ended the session, or will."""
        with suppress(NeurovaError):
            await self._asked(_UNLOCK, _number(name))

    async def close(self) -> None:
        """Unlock everything."""
        await self._connection.discard()

    async def _asked(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._turn:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._connection.fetch(statement, *arguments)
            except TimeoutError:
                await self._connection.discard()
                raise Unavailable(f"no answer came within {PATIENCE:g} s: call again") from None

    async def _answered(
        self, asked: Coroutine[Any, Any, list[Any]] | asyncio.Future[list[Any]], deadline: float
    ) -> list[Any]:
        """Return what was asked for; whoever gives up, the question goes on to its end."""
        asking = asyncio.ensure_future(asked)
        left = deadline - asyncio.get_running_loop().time()
        done, _ = await asyncio.wait([asking], timeout=max(0.0, left))
        if not done:
            asking.add_done_callback(_seen)
            raise Unavailable("no answer came until the deadline: call again")
        return asking.result()

    async def _undo(self, asking: asyncio.Future[list[Any]], name: bytes) -> None:
        """Give back what a call that has given up may have been given."""
        await asyncio.wait([asking])
        if not asking.cancelled() and asking.exception() is None and asking.result()[0][0]:
            await self.free(name)


def _number(name: bytes) -> int:
    return int.from_bytes(name[:8], "big", signed=True)


def _seen(asking: asyncio.Future[Any]) -> None:
    if not asking.cancelled():
        asking.exception()

"""Connections that are handed out in the order in which they were asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

from ..errors import Unavailable

Item = TypeVar("Item")


class Pool(Generic[Item]):
    """Lend each of a fixed set of items to one borrower at a time, first come, first served.

    With one item this is the gate of a database's writers. Used from one event loop; the item
    given back last is lent first, its caches being warm.
    """

    def __init__(self, items: Iterable[Item], name: str) -> None:
        self._idle = list(items)
        self._size = len(self._idle)
        self._name = name
        self._waiting: deque[asyncio.Future[Item]] = deque()
        self._closing: asyncio.Future[None] | None = None

    async def borrow(self, deadline: float) -> Item:
        """Return an item; wait for it until `deadline` (event-loop seconds), then Unavailable."""
        if self._closing is not None:
            raise Unavailable(f"{self._name} is closing: call again")
        if self._idle:
            return self._idle.pop()
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Item] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_at(deadline, self._expire, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            # Cancelled in the very moment of being served: the next one is served instead.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back(turn.result())
            raise
        finally:
            timer.cancel()

    def give_back(self, item: Item) -> None:
        """Lend `item` to whoever has waited longest, or keep it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(item)
                return
        self._idle.append(item)
        if self._closing is not None and len(self._idle) == self._size:
            self._closing.set_result(None)

    async def close(self) -> list[Item]:
        """Refuse new borrowers, serve those who wait, and return the items when all are back."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_future()
            if len(self._idle) == self._size:
                self._closing.set_result(None)
        await asyncio.shield(self._closing)
        return self._idle

    def _expire(self, turn: asyncio.Future[Item]) -> None:
        if not turn.done():
            turn.set_exception(Unavailable(f"{self._name} was busy until the deadline: call again"))

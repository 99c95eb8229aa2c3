"""Who has which key in this process; the others wait in line, or for the answer."""

from __future__ import annotations

import asyncio

from .base import Claimed, Stored

MOST = 1_000  # calls that wait, over all keys: one more is told to come again

_Turn = asyncio.Future[Stored | None]


class Claims:
    """Give each key to one call at a time, in the order in which they asked.

    Nothing remains of a key that nobody has. Used from one event loop.
    """

    def __init__(self) -> None:
        self._held: dict[bytes, dict[_Turn, None]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._held)

    async def take(self, key: bytes, deadline: float) -> Stored | None:
        """Return None once the caller has the key, or the answer with which it was given back.

        Who has it must `release` it. Raises Claimed at `deadline` (event-loop seconds), or at once
        when too many wait.
        """
        line = self._held.get(key)
        if line is None:
            self._held[key] = {}
            return None
        if self._waiting >= MOST:
            raise Claimed(f"{MOST} calls wait for answers of others")
        loop = asyncio.get_running_loop()
        turn: _Turn = loop.create_future()
        line[turn] = None
        self._waiting += 1
        timer = loop.call_at(deadline, _expire, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            # Cancelled in the very moment of being given the key: the next one has it instead.
            served = turn.done() and not turn.cancelled() and turn.exception() is None
            if served and turn.result() is None:
                self.release(key)
            raise
        finally:
            self._waiting -= 1
            line.pop(turn, None)
            timer.cancel()

    def release(self, key: bytes, stored: Stored | None = None) -> None:
        """Give a key back: all who wait get the answer, if there is one, else the first the key."""
        line = self._held[key]
        while line:
            turn = next(iter(line))
            del line[turn]
            if not turn.done():
                turn.set_result(stored)
                if stored is None:
                    return
        del self._held[key]


def _expire(turn: _Turn) -> None:
    if not turn.done():
        turn.set_exception(Claimed("another call had the key until the deadline"))

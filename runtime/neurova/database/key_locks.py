"""Lock idempotency keys for the calls of one process."""

from __future__ import annotations

import asyncio

from .base import KeyLocked, StoredResponse

MAX_WAITING = 1_000  # maximum number of waiting calls, summed over all keys

_Waiter = asyncio.Future[StoredResponse | None]


class LocalKeyLocks:
    """Lock each key for one call at a time, in order of arrival; use it on one event loop."""

    def __init__(self) -> None:
        self._waiters: dict[bytes, dict[_Waiter, None]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._waiters)

    async def lock(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return None once the caller has the lock, or the response stored by the last holder.

        The holder must `release` the lock. Raises KeyLocked at `deadline` (event-loop seconds), or
        at once if too many calls are waiting.
        """
        waiters = self._waiters.get(key)
        if waiters is None:
            self._waiters[key] = {}
            return None
        if self._waiting >= MAX_WAITING:
            raise KeyLocked(f"{MAX_WAITING} calls already wait for idempotency keys")
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        waiters[waiter] = None
        self._waiting += 1
        timer = loop.call_at(deadline, _expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # The call got the lock just before it was cancelled: pass the lock to the next call.
            is_served = waiter.done() and not waiter.cancelled() and waiter.exception() is None
            if is_served and waiter.result() is None:
                self.release(key)
            raise
        finally:
            self._waiting -= 1
            waiters.pop(waiter, None)
            timer.cancel()

    def release(self, key: bytes, response: StoredResponse | None = None) -> None:
        """Pass the response to all waiting calls; without one, pass the lock to the first call."""
        waiters = self._waiters[key]
        while waiters:
            waiter = next(iter(waiters))
            del waiters[waiter]
            if not waiter.done():
                waiter.set_result(response)
                if response is None:
                    return
        del self._waiters[key]


def _expire(waiter: _Waiter) -> None:
    if not waiter.done():
        waiter.set_exception(KeyLocked("another call held the key until the deadline"))

"""A connection pool in which callers wait in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from ..errors import Unavailable

T = TypeVar("T")


class ConnectionPool(Generic[T]):
    """Share a fixed set of connections on one event loop; callers wait in order of arrival.

    The connection released last is reused first, because its caches are warm. `name` and `purpose`
    appear in error messages.
    """

    def __init__(self, connections: Iterable[T], name: str, purpose: str) -> None:
        self._idle = list(connections)
        self._size = len(self._idle)
        self._name = name
        self._purpose = purpose
        self._waiters: deque[asyncio.Future[T]] = deque()
        self._closing: asyncio.Future[None] | None = None

    async def acquire(self, deadline: float) -> T:
        """Return a connection. Raises Unavailable at `deadline`, in event-loop seconds."""
        if self._closing is not None:
            raise Unavailable("the database is closing", where=self._name, fix="retry the call")
        if self._idle:
            return self._idle.pop()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._waiters.append(waiter)
        timer = loop.call_at(deadline, self._expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # The caller got a connection just before it was cancelled: pass it to the next caller.
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())
            raise
        finally:
            timer.cancel()

    def release(self, connection: T) -> None:
        """Pass a connection to the first waiting caller, or else back to the pool."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)
        if self._closing is not None and len(self._idle) == self._size:
            self._closing.set_result(None)

    async def visit_idle(self, visit: Callable[[T], Awaitable[None]]) -> None:
        """Call `visit` with each idle connection, which other callers cannot acquire meanwhile."""
        for connection in list(self._idle):
            if connection in self._idle:
                self._idle.remove(connection)
                try:
                    await visit(connection)
                finally:
                    self.release(connection)

    async def close(self) -> list[T]:
        """Refuse new callers, serve waiting ones, then return all connections."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_future()
            if len(self._idle) == self._size:
                self._closing.set_result(None)
        await asyncio.shield(self._closing)
        return self._idle

    def _expire(self, waiter: asyncio.Future[T]) -> None:
        if not waiter.done():
            what = f"all connections for {self._purpose} were in use until the deadline"
            waiter.set_exception(Unavailable(what, where=self._name, fix="retry the call"))

"""Manage the connections of one server: batched writes, timeout checks, draining."""

from __future__ import annotations

import asyncio
from time import time
from typing import Protocol

from neurova.http.call import Call

from ..pipeline.gateway import Gateway
from .encoding import PRIVATE, StatusLines

CHECK_INTERVAL = 0.5  # seconds between two timeout checks


class ManagedConnection(Protocol):
    """The interface of a connection for the manager."""

    is_draining: bool
    """Close after the next response."""
    running: Call | None
    """The call in flight."""

    def check_timeouts(self, now: float) -> None:
        """Close or abort the connection if something takes too long."""
        ...


class ConnectionManager:
    """Hold the gateway, the connections and their queued responses.

    Responses are written together at the end of an event-loop iteration. Writing each at once would
    wake its client while this process works, which costs about as much as a call.
    Connections have no timers of their own: all are checked every half second.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.status_lines = StatusLines(PRIVATE)
        self.plain_status_lines = StatusLines()  # for responses with a Cache-Control of their own
        # A connection that finds the queue empty calls `begin_iteration`.
        self.queue: list[tuple[asyncio.Transport, bytes]] = []
        self.is_in_iteration = False
        gateway.admission.begin_iteration = self.begin_iteration
        self.connections: set[ManagedConnection] = set()
        self.is_draining = False  # connections close after their next response
        self.is_shutting_down = False  # connections also close as soon as they are idle
        self._timer: asyncio.TimerHandle | None = None

    def drain(self) -> None:
        """Close each connection after its next response; an idle one waits for its next request."""
        self.is_draining = self.gateway.health.is_draining = True
        for connection in self.connections:
            connection.is_draining = True

    def shut_down(self) -> None:
        """Close each connection as soon as nothing is in flight there."""
        self.is_draining = self.is_shutting_down = self.gateway.health.is_draining = True

    def begin_iteration(self) -> None:
        """Record the start of an event-loop iteration, and write queued responses at its end."""
        if not self.is_in_iteration:
            self.is_in_iteration = True
            asyncio.get_running_loop().call_soon(self._end_iteration)
            self.gateway.admission.record_iteration_start(time())

    def _end_iteration(self) -> None:
        self.flush()
        self.is_in_iteration = False
        self.gateway.admission.record_iteration_end(time())

    def flush(self) -> None:
        """Write all queued responses."""
        for transport, data in self.queue:
            try:
                transport.write(data)
            except Exception:  # this client disconnected; write the other responses
                transport.abort()
        self.queue.clear()

    @property
    def in_flight(self) -> int:
        """Return how many connections have a call in flight."""
        return sum(connection.running is not None for connection in self.connections)

    def start(self) -> None:
        """Start the timeout checks on the running loop."""
        self._check(asyncio.get_running_loop())

    def stop(self) -> None:
        """Stop the timeout checks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        self.status_lines.update_date()
        self.plain_status_lines.update_date()
        now = loop.time()
        for connection in tuple(self.connections):
            connection.check_timeouts(now)
        self._timer = loop.call_later(CHECK_INTERVAL, self._check, loop)

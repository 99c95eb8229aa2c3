"""Manage the connections of one server: batch writes, check timeouts, drain."""

from __future__ import annotations

import asyncio
from time import monotonic, time
from typing import Protocol

from neurova.http.call import Call

from ..pipeline.admission import BUSY
from ..pipeline.gateway import Gateway
from .encoding import PRIVATE, StatusLines

CHECK_INTERVAL = 0.5  # seconds between two timeout checks
LAG_INTERVAL = 0.1  # seconds between two measurements of the event loop's lag


class ManagedConnection(Protocol):
    """A connection, as the manager uses it."""

    is_draining: bool
    """Close after the next response."""
    running: Call | None
    """The call in flight."""

    def check_timeouts(self, now: float) -> None:
        """Close or abort the connection if a timeout has passed."""
        ...


class ConnectionManager:
    """Hold the gateway, the connections and their queued responses.

    Responses are written together at the end of an event-loop iteration. Writing each one at once
    would wake its client while this process is busy, which costs about as much as a call.
    Connections have no timers of their own: the manager checks all of them every half second.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.status_lines = StatusLines(PRIVATE)
        self.plain_status_lines = StatusLines()  # for responses that set Cache-Control
        # A connection that adds the first response to the queue calls `begin_iteration`.
        self.queue: list[tuple[asyncio.Transport, bytes]] = []
        self.is_in_iteration = False
        self.admission = gateway.admission
        self.connections: set[ManagedConnection] = set()
        self.is_draining = False  # connections close after their next response
        self.is_shutting_down = False  # idle connections close, too
        self._timer: asyncio.TimerHandle | None = None
        self._lag_timer: asyncio.TimerHandle | None = None

    def drain(self) -> None:
        """Close each connection after its next response; idle connections stay open until then."""
        self.is_draining = self.gateway.health.is_draining = True
        for connection in self.connections:
            connection.is_draining = True

    def shut_down(self) -> None:
        """Close each connection as soon as it has no call in flight."""
        self.is_draining = self.is_shutting_down = self.gateway.health.is_draining = True

    def begin_iteration(self) -> None:
        """Start an event-loop iteration: at its end, run waiting calls and write the responses."""
        if not self.is_in_iteration:
            self.is_in_iteration = True
            asyncio.get_running_loop().call_soon(self._end_iteration)
            self.admission.busy_after = time() + BUSY

    def _end_iteration(self) -> None:
        self.admission.run_turns()
        self.flush()
        self.is_in_iteration = False
        if self.admission.has_next:
            self.begin_iteration()

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
        loop = asyncio.get_running_loop()
        self._check(loop)
        self._measure_lag(loop, monotonic())

    def stop(self) -> None:
        """Stop the timeout checks."""
        for timer in (self._timer, self._lag_timer):
            if timer is not None:
                timer.cancel()

    def _measure_lag(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = monotonic()
        self.admission.record_lag(now - due)
        if self.admission.is_busy:
            self.begin_iteration()
        due = now + LAG_INTERVAL
        self._lag_timer = loop.call_later(LAG_INTERVAL, self._measure_lag, loop, due)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        self.status_lines.update_date()
        self.plain_status_lines.update_date()
        now = loop.time()
        for connection in tuple(self.connections):
            connection.check_timeouts(now)
        self._timer = loop.call_later(CHECK_INTERVAL, self._check, loop)

"""uvicorn's server, with draining and a channel to a supervisor."""

from __future__ import annotations

import asyncio
import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from neurova_gateway.server.connection_manager import ConnectionManager

from .listener import BACKLOG, duplicate
from .managed import SupervisorChannel


class Server(uvicorn.Server):
    """Call `on_ready` once the server listens, stop on the first signal, and drain on request.

    `drain_delay`: for this many seconds after a signal, the server still accepts connections, its
    health check returns 503, and it closes each connection after the next response.
    `idle_timeout`: seconds that a drain waits for the next request of an idle connection. With a
    `channel`, the server sends heartbeats at least every `stuck` / 4 seconds and ignores SIGINT,
    which a terminal also sends to the supervisor. `count_completed` is thread-safe.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        *,
        edge: ConnectionManager | None = None,
        drain_delay: float = 0.0,
        idle_timeout: float = 0.0,
        channel: SupervisorChannel | None = None,
        stuck: float = 10.0,
        count_completed: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._edge = edge
        self._drain_delay = drain_delay
        self._idle_timeout = idle_timeout
        self._channel = channel
        self._stuck = stuck
        self._count_completed = count_completed
        self._delay_ended = asyncio.Event()
        self._drain_deadline: float | None = None  # in seconds of the event loop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then report readiness."""
        if sockets is not None:
            sockets = [copy for listener in sockets for copy in duplicate(listener)]
        await super().startup(sockets)
        if self._channel is not None:
            self._channel.attach(self, self._stuck)
        self._on_ready()

    def drain(self) -> None:
        """Accept no more connections, serve one more request on each open connection, then exit."""
        if self._drain_deadline is not None or self.should_exit:
            return
        for server in self.servers:
            server.close()
        if self._edge is not None:
            self._edge.drain()
        self._drain_deadline = asyncio.get_running_loop().time() + self._idle_timeout
        if self._channel is not None:
            self._channel.report_draining()

    def stop(self) -> None:
        """Accept no more connections, finish the calls in flight, then exit."""
        self._delay_ended.set()
        self.should_exit = True

    def force_stop(self) -> None:
        """Exit without waiting for calls in flight."""
        self._delay_ended.set()
        self.should_exit = self.force_exit = True

    def count_completed(self) -> int:
        """Return the number of completed calls that the access log contains."""
        return self._count_completed()

    async def on_tick(self, counter: int) -> bool:
        """Return whether to exit; uvicorn calls this every tenth of a second."""
        if await super().on_tick(counter):
            return True
        if self._drain_deadline is None:
            return False
        is_late = asyncio.get_running_loop().time() >= self._drain_deadline
        return is_late or not self.server_state.connections

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, finish the calls in flight, close idle connections."""
        if self._drain_deadline is None:  # not draining yet: the listeners are open
            await self._wait_for_load_balancers()
            await self._accept_backlog(sockets or [])
        if self._channel is not None:
            self._channel.report_draining()
        if self._edge is not None:
            self._edge.shut_down()
        await super().shutdown(sockets)

    async def _wait_for_load_balancers(self) -> None:
        """Serve for `drain_delay` seconds while the health check answers 503.

        Each connection is closed after its next response. Otherwise a load balancer could send a
        request on a connection at the moment when this server closes it.
        """
        if self._edge is not None:
            self._edge.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._delay_ended.wait(), self._drain_delay)

    async def _accept_backlog(self, sockets: list[socket.socket]) -> None:
        """Accept connections that wait in the kernel: closing the listeners would reset them."""
        listeners = select.poll()
        for listener in sockets:
            listeners.register(listener, select.POLLIN)
        for _ in range(BACKLOG):  # a limit, because new connections may keep arriving
            is_empty = not listeners.poll(0)
            await asyncio.sleep(0)  # even before the break: the loop sets up accepted connections
            if is_empty:
                break

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; a second SIGINT does not wait for calls."""
        numbers = (
            (signal.SIGTERM,) if self._channel is not None else (signal.SIGINT, signal.SIGTERM)
        )
        handlers = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

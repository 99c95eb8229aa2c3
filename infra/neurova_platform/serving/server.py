"""uvicorn's server, as the platform ends it: gently, and with a connection at a time."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from .listener import doors

if TYPE_CHECKING:
    from neurova_gateway.server.connection_manager import ConnectionManager

    from ..supervise.leash import Leash


class Server(uvicorn.Server):
    """Tell when it is `ready`, take a signal as an end like any, and drain.

    `patience`: seconds that a drain waits for the next request of a connection that idles. With a
    `leash` it is a supervisor's: it beats at least every `stuck` / 4 seconds, leaves SIGINT, which
    reaches a whole group of processes, to it, and says when it leaves. `answered` counts calls,
    for any thread that asks.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        *,
        edge: ConnectionManager | None = None,
        patience: float = 0.0,
        leash: Leash | None = None,
        stuck: float = 10.0,
        answered: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._edge = edge
        self._patience = patience
        self._leash = leash
        self._stuck = stuck
        self._answered = answered
        self._drained: float | None = None  # when a drain has waited long enough, in loop seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        if sockets is not None:
            sockets = [door for listener in sockets for door in doors(listener)]
        await super().startup(sockets)
        if self._leash is not None:
            self._leash.hold(self, self._stuck)
        self._ready()

    def drain(self) -> None:
        """Take no more connections; each that is may send one more request, then all is ended."""
        if self._drained is not None or self.should_exit:
            return
        for server in self.servers:
            server.close()
        if self._edge is not None:
            self._edge.drain()
        self._drained = asyncio.get_running_loop().time() + self._patience
        if self._leash is not None:
            self._leash.leaving()

    def stop(self) -> None:
        """Take no more connections from now on, finish what is in flight, then end."""
        for server in self.servers:
            server.close()
        self.should_exit = True

    def hurry(self) -> None:
        """End without waiting for what is in flight."""
        self.should_exit = self.force_exit = True

    def progress(self) -> int:
        """Return how many calls were answered, as far as that is known off the path."""
        return self._answered()

    async def on_tick(self, counter: int) -> bool:
        """Tell whether to end; after each tenth of a second."""
        if await super().on_tick(counter):
            return True
        if self._drained is None:
            return False
        late = asyncio.get_running_loop().time() >= self._drained
        return late or not self.server_state.connections

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, finish what is in flight, close what idles."""
        if self._leash is not None:
            self._leash.leaving()
        if self._edge is not None:
            self._edge.shut_down()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; a second one, of SIGINT here, does not wait for calls."""
        numbers = (signal.SIGTERM,) if self._leash is not None else (signal.SIGINT, signal.SIGTERM)
        handlers = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

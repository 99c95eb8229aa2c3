"""What the connections of one server share, and what an edge refuses."""

from __future__ import annotations

import asyncio
from time import time
from typing import Any

from neurova.http.call import Field

from ..pipeline.gateway import Gateway
from ..pipeline.identity import MAX_BYTES
from .encoding import PRIVATE, StatusLines

MAX_HEAD = 16 * 1024
MAX_FIELDS = 100
OVER_HEAD = "the head is over 16 KiB or 100 fields"
ROUND = 0.5  # seconds between two looks at all connections


class ConnectionManager:
    """Hold what connections share: the gateway, the Date field, ready replies, the clock's rounds.

    Replies are sent together once the loop has seen to all that it read: one by one, each would
    wake its client in the middle of our work, which costs about as much as a call. No connection
    has timers of its own: each half second all are looked at.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.lines = StatusLines(PRIVATE)
        self.bare_lines = StatusLines()  # for replies that say who may keep them
        self.ready: list[tuple[asyncio.Transport, bytes]] = []  # whoever adds the first opens
        self.opened = False
        gateway.admission.judging = self.open
        self.connections: set[Any] = set()
        self.draining = False  # each connection ends with its next reply, also one yet to be made
        self.hurried = False  # and is ended as soon as nothing is in flight there
        self._timer: asyncio.TimerHandle | None = None

    def drain(self) -> None:
        """Let each connection end with its next reply; one that idles waits for its next call."""
        self.draining = self.gateway.health.draining = True
        for connection in self.connections:
            connection.draining = True

    def hurry(self) -> None:
        """Let each connection end as soon as nothing is in flight there."""
        self.draining = self.hurried = self.gateway.health.draining = True

    def open(self) -> None:
        """Begin a turn of the loop, if none has begun: its replies are sent at its end."""
        if not self.opened:
            self.opened = True
            asyncio.get_running_loop().call_soon(self._close)
            self.gateway.admission.opened(time())

    def _close(self) -> None:
        self.flush()
        self.opened = False
        self.gateway.admission.closed(time())

    def flush(self) -> None:
        """Send all replies that are ready."""
        for transport, octets in self.ready:
            try:
                transport.write(octets)
            except Exception:  # one client has left; the others still wait
                transport.abort()
        self.ready.clear()

    @property
    def in_flight(self) -> int:
        """Return how many connections wait for a function."""
        return sum(connection.running is not None for connection in self.connections)

    def start(self) -> None:
        """Begin the rounds, on the running loop."""
        self._round(asyncio.get_running_loop())

    def stop(self) -> None:
        """End the rounds."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _round(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lines.tick()
        self.bare_lines.tick()
        now = loop.time()
        for connection in tuple(self.connections):
            connection.look(now)
        self._timer = loop.call_later(ROUND, self._round, loop)


def head_limit(behind: str) -> int:
    """Return how large a head may be: behind Kong the identity that it signs comes on top."""
    return MAX_HEAD + MAX_BYTES if behind else MAX_HEAD


def over_head(target: bytes, fields: list[Field], octets: int, most: int = MAX_HEAD) -> bool:
    """Tell whether a head is over `most` octets or MAX_FIELDS; it has at most `octets`."""
    if len(fields) > MAX_FIELDS:
        return True
    if octets <= most:
        return False
    return len(target) + sum(len(name) + len(value) + 4 for name, value in fields) > most


def too_large(max_body: int) -> str:
    """Say that a body is too large."""
    return f"the body is over {max_body} bytes"

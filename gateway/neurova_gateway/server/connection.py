"""A connection of the first door: its states, how long it may take for each, and its end."""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from neurova.http.call import Call, Field
from neurova.http.problem import problem
from neurova.http.reply import Reply

from .connection_manager import ConnectionManager, head_limit
from .writer import Outflow

ENDING = 1.5  # seconds of the time to drain that streams are left to end in
LINGER = 5.0  # seconds for which octets are read away so that a last reply arrives

IDLE, HEAD, BODY, CLOSING = range(4)


class Connection(HttpToolsProtocol):
    """Hold what is known of one connection, and end it in time.

    `state` is how far the message being read has come. A call that waits for its function is
    `running`; calls parsed behind it lie in `behind`, octets not parsed yet in `backlog`. The
    connection closes after the reply to `last`.
    """

    def __init__(
        self,
        edge: ConnectionManager,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.edge = edge
        self.gateway = edge.gateway
        self.lines, self.ready = edge.lines, edge.ready
        self.max_body = edge.gateway.options.max_body
        self.max_head = head_limit(edge.gateway.options.behind)
        self.peer = ""
        self.state = self.waiting = IDLE
        self.since = 0.0  # when `waiting` began, in event-loop seconds
        self.octets = 0  # read of a head, or between two pieces of a body, that is not complete
        self.unread = 0  # octets of replies that the client had not taken at `read_at`
        self.read_at = 0.0
        self.quiet = True  # no reply was sent since it was last looked at
        self.fields: list[Field] = []
        self.call: Call | None = None
        self.parts: list[bytes] = []
        self.size = 0  # of `parts`, or of a refused body
        self.answered = False  # the call being read was refused before its body
        self.running: Call | None = None
        self.flight: Any = None  # the reply to come of the last call that had to wait
        self.stream: Outflow | None = None  # the reply to `running` that is being sent
        self.behind: deque[Call] = deque()
        self.deferred = False  # the call being read is behind another: to be admitted in its turn
        self.backlog = b""
        self.last: Call | None = None
        self.broken: tuple[int, str] | None = None  # the refusal of what could not be parsed
        self.ends = inf  # when what still streams is to be over, in event-loop seconds

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin; a connection beyond the bound is told so and closed."""
        super().connection_made(transport)
        self.edge.connections.add(self)
        self.draining = self.edge.draining
        self.peer = self.client[0] if self.client else ""
        self.since = self.loop.time()
        if len(self.edge.connections) > self.gateway.options.max_connections:
            self._refuse(503, "there are too many connections: try again in a moment")

    def connection_lost(self, exc: Exception | None) -> None:
        """End; a call that still runs finishes, its reply goes nowhere; what streams is stopped."""
        self.edge.connections.discard(self)
        self.connections.discard(self)
        self.state = CLOSING
        self.backlog = b""
        self.behind.clear()
        if self.stream is not None:
            self.stream.left()
            self.flow.resume_writing()  # who waits to send is told
        elif self._streams():
            self.flight.leave()

    def eof_received(self) -> bool:  # type: ignore[override]  # True: the reply may still be sent
        """Close once what was asked is answered."""
        self.draining = True
        self.edge.flush()
        # Who is sent a stream and closes has left: nobody stops to read on from there.
        return self.running is not None and self.scheme == "http" and not self._streams()

    def _streams(self) -> bool:
        """Tell whether a stream is being sent, or what runs is a generator."""
        if self.running is None:
            return False
        return self.stream is not None or getattr(self.flight, "streams", False)

    def resume_writing(self) -> None:
        """Go on with what waited for the client to read."""
        super().resume_writing()
        self._go_on()

    def shutdown(self) -> None:
        """Finish what was asked, then close."""
        self.draining = True
        drain = self.config.timeout_graceful_shutdown
        if drain is not None:
            self.ends = self.loop.time() + max(0.0, drain - ENDING)
        if self.running is None and self.state in (IDLE, HEAD):
            self._linger()  # not cut: who is just sending reads an end, not a reset

    def look(self, now: float) -> None:
        """Cut what took too long."""
        options = self.gateway.options
        age = now - self.since
        if self._stalled(now):
            self.transport.abort()
        elif self.state == CLOSING:
            left = self.draining and not self.edge.draining  # the client, who said so
            if age > LINGER or left or self.edge.hurried:
                self.transport.close()
        elif self.running is not None:
            if self.stream is not None and now >= self.ends:
                self.stream.finish()
        elif self.waiting == HEAD and age > options.head_timeout:
            self._refuse(408, f"the head did not come within {options.head_timeout:g} seconds")
        elif self.waiting == BODY and age > options.body_timeout:
            self._refuse(408, f"the body did not come within {options.body_timeout:g} seconds")
        elif self.waiting == IDLE and not self.quiet:
            self.quiet, self.since = True, now
        elif self.waiting == IDLE and (age > options.keep_alive or self.edge.hurried):
            self._linger()

    def _stalled(self, now: float) -> bool:
        """Tell whether the client has read nothing of what was sent for too long."""
        left = self.transport.get_write_buffer_size()
        if not left or left != self.unread:
            self.unread, self.read_at = left, now
        return now - self.read_at > self.gateway.options.body_timeout

    # The end.

    def _refuse(self, status: int, detail: str) -> None:
        """Answer what cannot be read on, in its turn, and close."""
        if self.state == CLOSING:
            return
        if self.running is not None or self.behind:
            self.broken = self.broken or (status, detail)
            return
        call = self.call or Call("", b"", b"", [], self.peer)
        if not self.answered:
            self.gateway.begin(call)
            self.last = call
            fields = {"Retry-After": "1"} if status == 503 else {}
            self._send(call, problem(call, status, detail, headers=fields))
        self._linger()

    def _linger(self) -> None:
        """Close so that the last reply arrives: read on for a moment (RFC 9112, 9.6)."""
        if self.state == CLOSING:
            return
        self.state = CLOSING
        self.since = self.loop.time()
        self.parts, self.backlog = [], b""
        self.edge.flush()
        if self.transport.is_closing():
            return
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        try:
            self.transport.write_eof()
        except OSError:
            self.transport.abort()  # the client has left
        else:
            self.flow.resume_reading()

    # What the protocol does.

    def _go_on(self) -> None:
        raise NotImplementedError

    def _send(self, call: Call, reply: Reply) -> bool:
        raise NotImplementedError

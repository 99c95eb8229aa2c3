"""The state of one HTTP/1.1 connection: its timeouts and its closing."""

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

from ..pipeline.body_memory import TOO_MANY_BODIES, BodyShare
from .connection_manager import ConnectionManager
from .head_limits import head_limit
from .writer import ConnectionWriter

STREAM_END = 1.5  # end streams this many seconds before the graceful shutdown times out
FIRST_REQUEST = 1.0  # seconds to wait for the first request while the server shuts down
LINGER = 5.0  # seconds to keep reading after the last response; `_close` says why

NEW, IDLE, HEAD, BODY, CLOSING = range(5)


class Connection(HttpToolsProtocol):
    """Hold the state of one connection and close it in time.

    `state`: the state of the request that is being read. `running`: the call in flight.
    `pipelined`: complete calls that were parsed after it. `unparsed`: bytes after these calls. The
    connection closes after the response to `last`.
    """

    def __init__(
        self,
        manager: ConnectionManager,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.manager = manager
        self.gateway = manager.gateway
        self.admission = manager.admission
        self.status_lines, self.queue = manager.status_lines, manager.queue
        self.max_body = manager.gateway.options.max_body
        self.max_head = head_limit(manager.gateway.options.behind)
        self.peer = ""
        self.is_draining = manager.is_draining
        # The request that is being read.
        self.state = self.timed_state = NEW
        self.since = 0.0  # event-loop time when `timed_state` began
        self.incomplete = 0  # bytes of an incomplete head, or since the last piece of the body
        self.fields: list[Field] = []
        self.call: Call | None = None
        self.parts: list[bytes] = []  # pieces of the body after the first
        self.size = 0  # bytes of `parts`, or of a body that is discarded
        self.is_refused = False  # `call` was refused before its body
        self.is_deferred = False  # `call` is admitted only after the call in flight has ended
        # The call in flight, and the requests that wait until it ends.
        self.running: Call | None = None
        self.pending: Any = None  # future reply to `running`
        self.writer: ConnectionWriter | None = None  # writes the streamed response to `running`
        self.turn = 0  # slices used in this turn, see `_has_turn`
        self.pipelined: deque[Call] = deque()
        self.unparsed = b""
        self.last: Call | None = None
        self.refusal: tuple[int, str] | None = None  # for a bad request after `running`
        self.share = BodyShare(self.gateway.body_memory)
        # Timeouts.
        self.unsent = 0  # bytes in the write buffer at `unsent_since`
        self.unsent_since = 0.0
        self.has_responded = False  # a response was sent since the last timeout check
        self.stream_deadline = inf  # event-loop time when streams are ended

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Register the connection; refuse it above the connection limit."""
        super().connection_made(transport)
        self.manager.connections.add(self)
        self.is_draining = self.manager.is_draining
        self.peer = self.client[0] if self.client else ""
        self.since = self.loop.time()
        if len(self.manager.connections) > self.gateway.options.max_connections:
            self._refuse(503, "Too many connections, retry later.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop a streamed response. Any other call runs to its end; its response is discarded."""
        self.manager.connections.discard(self)
        self.connections.discard(self)
        self._discard_input()
        self._notify_disconnect()
        if self.writer is not None:
            self.writer.disconnected()
            self.flow.resume_writing()  # wakes up the source if it waits to send
        elif self._is_streaming():
            self.pending.disconnect()

    def eof_received(self) -> bool:  # type: ignore[override]  # True keeps the transport open
        """Close the connection after the responses to all received requests."""
        self.is_draining = True
        self.manager.flush()
        self._notify_disconnect()
        # During a streamed response, EOF from the client means it disconnected.
        return self.running is not None and self.scheme == "http" and not self._is_streaming()

    def _notify_disconnect(self) -> None:
        if self.running is not None:
            self.running.notify_disconnect()

    def _is_streaming(self) -> bool:
        if self.running is None:
            return False
        return self.writer is not None or getattr(self.pending, "streams", False)

    def resume_writing(self) -> None:
        """Continue when the client reads again."""
        super().resume_writing()
        self._resume()

    def shutdown(self) -> None:
        """Answer the received requests, then close the connection."""
        self.is_draining = True
        timeout = self.config.timeout_graceful_shutdown
        if timeout is not None:
            self.stream_deadline = self.loop.time() + max(0.0, timeout - STREAM_END)
        is_new = self.state == NEW and self.loop.time() - self.since < FIRST_REQUEST
        if self.running is None and self.state in (NEW, IDLE, HEAD) and not is_new:
            self._close()

    def check_timeouts(self, now: float) -> None:
        """Close or abort the connection if a timeout has passed."""
        options, manager = self.gateway.options, self.manager
        age = now - self.since
        if self._is_stalled(now):
            self.transport.abort()
        elif self.state == CLOSING:
            has_client_closed = self.is_draining and not manager.is_draining
            if age > LINGER or has_client_closed or manager.is_shutting_down:
                self.transport.close()
        elif self.running is not None:
            if self.writer is not None and now >= self.stream_deadline:
                self.writer.end_early()
        elif self.timed_state == HEAD and age > options.head_timeout:
            self._refuse(408, f"Request head not received within {options.head_timeout:g} seconds")
        elif self.timed_state == BODY and age > options.body_timeout:
            self._refuse(408, f"Request body not received within {options.body_timeout:g} seconds")
        elif self.timed_state == IDLE and self.has_responded:
            self.has_responded, self.since = False, now
        elif self.timed_state in (NEW, IDLE):
            stopping = FIRST_REQUEST if self.timed_state == NEW else 0.0
            if age > (stopping if manager.is_shutting_down else options.keep_alive):
                self._close()

    def _is_stalled(self, now: float) -> bool:
        """Return whether the client has read nothing for too long."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self.unsent:
            self.unsent, self.unsent_since = unsent, now
        return now - self.unsent_since > self.gateway.options.body_timeout

    def _refuse(self, status: int, detail: str) -> None:
        """Refuse an invalid or slow request, after all earlier responses, and close."""
        if self.state == CLOSING:
            return
        if self.running is not None or self.pipelined:
            self.refusal = self.refusal or (status, detail)
            return
        call = self.call or Call("", b"", b"", [], self.peer)
        if not self.is_refused:
            self.gateway.begin(call)
            self.last = call
            fields = {"Retry-After": "1"} if status == 503 else {}
            self._send(call, problem(call, status, detail, headers=fields))
        self._close()

    def _close(self) -> None:
        """Close the write side, and keep reading for LINGER seconds (RFC 9112, 9.6).

        Closing with unread bytes would reset the connection, and the client might lose the last
        response.
        """
        if self.state == CLOSING:
            return
        self._discard_input()
        self.since = self.loop.time()
        self.manager.flush()
        if self.transport.is_closing():
            return
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        try:
            self.transport.write_eof()
        except OSError:
            self.transport.abort()  # the client disconnected
        else:
            self.flow.resume_reading()

    def _end_call(self) -> None:
        self.running = self.pending = self.writer = None
        if self.state == CLOSING:  # in other states, `_resume` does this
            self._bound_bodies()

    def _discard_input(self) -> None:
        """Discard all received data, except the call in flight."""
        self.state = CLOSING
        self.call, self.parts, self.size, self.unparsed = None, [], 0, b""
        self.pipelined.clear()
        self._bound_bodies()

    def _bound_bodies(self) -> None:
        """Update this connection's bytes in the BodyMemory; refuse its request above the limit.

        The sum is computed again after each change, so that no increment must be undone later.
        """
        if not self.share.update(self._held()) and (self.state == BODY or self.unparsed):
            self.unparsed = b""
            self._refuse(503, TOO_MANY_BODIES)
            self.share.update(self._held())

    def _held(self) -> int:
        calls = [call for call in (self.running, self.call, *self.pipelined) if call is not None]
        size = 0 if self.is_refused else self.size  # refused: only discarded bytes
        return len(self.unparsed) + size + sum(len(call.body) for call in calls)

    # Implemented by GatewayProtocol.

    def _resume(self) -> None:
        raise NotImplementedError

    def _send(self, call: Call, reply: Reply) -> bool:
        raise NotImplementedError

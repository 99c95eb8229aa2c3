"""The state of one HTTP/1.1 connection, its timeouts and its end."""

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

STREAM_END = 1.5  # streams are ended so many seconds before the graceful shutdown ends
FIRST_REQUEST = 1.0  # seconds that a new connection has for its request while the server stops
LINGER = 5.0  # seconds to keep reading after the last response, see `_close`

NEW, IDLE, HEAD, BODY, CLOSING = range(5)


class Connection(HttpToolsProtocol):
    """Hold the state of one connection and close it in time.

    `state` is the state of the message being read. `running` is the call in flight; `pipelined`
    are complete calls parsed after it, `unparsed` are bytes after those. The connection closes
    after the response to `last`.
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
        # The message being read.
        self.state = self.timed_state = NEW
        self.since = 0.0  # event-loop time when `timed_state` began
        self.incomplete = 0  # bytes read of an incomplete head, or between two pieces of a body
        self.fields: list[Field] = []
        self.call: Call | None = None
        self.parts: list[bytes] = []  # pieces of the body after the first
        self.size = 0  # bytes of `parts`, or of a body that is discarded
        self.is_refused = False  # `call` was refused before its body
        self.is_deferred = False  # admit `call` when the call in flight has ended
        # The call in flight, and the requests that wait for it.
        self.running: Call | None = None
        self.pending: Any = None  # the future of the reply to `running`
        self.writer: ConnectionWriter | None = None  # writes the streamed response to `running`
        self.turn = 0  # slices used up, see `_has_turn`
        self.pipelined: deque[Call] = deque()
        self.unparsed = b""
        self.last: Call | None = None
        self.refusal: tuple[int, str] | None = None  # for a malformed request behind `running`
        self.share = BodyShare(self.gateway.body_memory)
        # Timeouts.
        self.unsent = 0  # bytes in the write buffer at `unsent_since`
        self.unsent_since = 0.0
        self.has_responded = False  # whether a response was sent since the last timeout check
        self.stream_deadline = inf  # event-loop time when streams are ended

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows the type too
        """Register the connection; refuse it above the limit."""
        super().connection_made(transport)
        self.manager.connections.add(self)
        self.is_draining = self.manager.is_draining
        self.peer = self.client[0] if self.client else ""
        self.since = self.loop.time()
        if len(self.manager.connections) > self.gateway.options.max_connections:
            self._refuse(503, "Too many connections, retry later.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop a streamed response. Another call in flight finishes; its response is discarded."""
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
        """Close after the responses to all requests received."""
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
        """Answer the requests received, then close."""
        self.is_draining = True
        timeout = self.config.timeout_graceful_shutdown
        if timeout is not None:
            self.stream_deadline = self.loop.time() + max(0.0, timeout - STREAM_END)
        is_new = self.state == NEW and self.loop.time() - self.since < FIRST_REQUEST
        if self.running is None and self.state in (NEW, IDLE, HEAD) and not is_new:
            self._close()

    def check_timeouts(self, now: float) -> None:
        """Close or abort the connection if something takes too long."""
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
        """Refuse an invalid or slow request after the responses before it, and close."""
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
        if self.state == CLOSING:  # in other states the caller resumes the connection
            self._bound_bodies()

    def _discard_input(self) -> None:
        """Drop all that was received, except the call in flight."""
        self.state = CLOSING
        self.call, self.parts, self.size, self.unparsed = None, [], 0, b""
        self.pipelined.clear()
        self._bound_bodies()

    def _bound_bodies(self) -> None:
        """Count the bytes held here; refuse more of them while all connections hold too many.

        The sum is taken anew after each event that may change it, so no event has to undo what
        another one has counted.
        """
        if not self.share.update(self._held()) and (self.state == BODY or self.unparsed):
            self.unparsed = b""
            self._refuse(503, TOO_MANY_BODIES)
            self.share.update(self._held())

    def _held(self) -> int:
        calls = [call for call in (self.running, self.call, *self.pipelined) if call is not None]
        size = 0 if self.is_refused else self.size  # the body of a refused call is not kept
        return len(self.unparsed) + size + sum(len(call.body) for call in calls)

    # Implemented by GatewayProtocol.

    def _resume(self) -> None:
        raise NotImplementedError

    def _send(self, call: Call, reply: Reply) -> bool:
        raise NotImplementedError

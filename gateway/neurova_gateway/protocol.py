"""The first door: HTTP/1.1 on a connection, answered without ASGI's cycle.

Here is what only octets show: the size and time of a head, the length of a body, Expect,
pipelining, a client that leaves. Everything else is the core's (`gateway.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from functools import partial
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from neurova.call import Call, Field
from neurova.problem import problem
from neurova.reply import Reply

from .edge import MAX_FIELDS, OVER_HEAD, Edge, head_limit, over_head, too_large
from .wire import CONTINUE, encode

SLICE = 4096  # octets parsed at once, which bounds how many pipelined calls lie here parsed
SPARE_BODY = 64 * 1024  # a refused body up to this length is read away, and the connection kept
LINGER = 5.0  # seconds for which octets are read away so that a last reply arrives

UNSOUND = frozenset([400, 413, 501, 505])  # refusals before the body after which nothing is read

IDLE, HEAD, BODY, CLOSING = range(4)

logger = logging.getLogger("neurova.gateway")


class GatewayProtocol(HttpToolsProtocol):
    """Parse the requests of one connection and answer each by the gateway, in order.

    `state` is how far the message being read has come. A call that waits for its function is
    `running`; calls parsed behind it lie in `behind`, octets not parsed yet in `backlog`. The
    connection closes after the reply to `last`.
    """

    def __init__(
        self,
        edge: Edge,
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
        self.behind: deque[Call] = deque()
        self.deferred = False  # the call being read is behind another: to be admitted in its turn
        self.backlog = b""
        self.last: Call | None = None
        self.broken: tuple[int, str] | None = None  # the refusal of what could not be parsed
        self.draining = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin; a connection beyond the bound is told so and closed."""
        super().connection_made(transport)
        self.edge.connections.add(self)
        self.peer = self.client[0] if self.client else ""
        self.since = self.loop.time()
        if len(self.edge.connections) > self.gateway.options.max_connections:
            self._refuse(503, "there are too many connections: try again in a moment")

    def connection_lost(self, exc: Exception | None) -> None:
        """End; a call that still runs finishes, its reply goes nowhere."""
        self.edge.connections.discard(self)
        self.connections.discard(self)
        self.state = CLOSING
        self.backlog = b""
        self.behind.clear()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self.state == CLOSING:
            return  # read away
        if self.running is None and not self.backlog and len(data) <= SLICE:
            self._feed(data)
        else:
            self.backlog += data
            self._go_on()

    def eof_received(self) -> bool:  # type: ignore[override]  # True: the reply may still be sent
        """Close once what was asked is answered."""
        self.draining = True
        self.edge.flush()
        return self.running is not None and self.scheme == "http"

    def resume_writing(self) -> None:
        """Go on with what waited for the client to read."""
        super().resume_writing()
        self._go_on()

    def shutdown(self) -> None:
        """Finish what was asked, then close."""
        self.draining = True
        if self.running is None and self.state in (IDLE, HEAD):
            self.edge.flush()
            self.transport.close()

    def look(self, now: float) -> None:
        """Cut what took too long."""
        options = self.gateway.options
        age = now - self.since
        if self._stalled(now):
            self.transport.abort()
        elif self.state == CLOSING:
            if age > LINGER or self.draining:
                self.transport.close()
        elif self.running is not None:
            return
        elif self.waiting == HEAD and age > options.head_timeout:
            self._refuse(408, f"the head did not come within {options.head_timeout:g} seconds")
        elif self.waiting == BODY and age > options.body_timeout:
            self._refuse(408, f"the body did not come within {options.body_timeout:g} seconds")
        elif self.waiting == IDLE and not self.quiet:
            self.quiet, self.since = True, now
        elif self.waiting == IDLE and age > options.keep_alive:
            self.transport.close()

    def _stalled(self, now: float) -> bool:
        """Tell whether the client has read nothing of what was sent for too long."""
        left = self.transport.get_write_buffer_size()
        if not left or left != self.unread:
            self.unread, self.read_at = left, now
        return now - self.read_at > self.gateway.options.body_timeout

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Make ready for a head."""
        if self.state != CLOSING:
            self.state = HEAD
            self.url = b""
            self.fields = []
            self.octets = 0

    def on_url(self, url: bytes) -> None:
        """Take the target, or a piece of it."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field."""
        self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Make the call, and admit it if it is its turn."""
        if self.state == CLOSING or self.last is not None:
            self.call = None
            return
        self.state = BODY
        self.answered = False
        # Fields behind a body (RFC 9110, 6.5), which come after all was decided, go nowhere.
        parser, fields, self.fields = self.parser, self.fields, []
        path, _, query = self.url.partition(b"?")
        method = parser.get_method().decode("ascii")
        version = parser.get_http_version()
        scheme = self.scheme or "http"
        self.call = call = Call(method, path, query, fields, self.peer, b"", scheme, version)
        heads = call.heads
        # A head within one slice is not over the limit of octets.
        if (self.octets or len(fields) > MAX_FIELDS) and self._over_head(call):
            return
        self.octets = 0
        if not parser.should_keep_alive() or b"upgrade" in heads or method == "CONNECT":
            self.last = call
        if self.running is not None:
            self.deferred = True
            return
        reply = self.gateway.admit(call)
        if reply is not None or b"expect" in heads:
            self._admitted(call, reply)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, up to the limit."""
        call = self.call
        if self.state == CLOSING or call is None:
            return
        self.octets = 0
        if call.body or self.answered or len(body) > self.max_body:
            self._more(call, body)
        else:
            call.body = body  # all of it, as a rule

    def on_message_complete(self) -> None:
        """Run the call, if it is its turn."""
        call = self.call
        if self.state == CLOSING or call is None:
            return
        self.state = self.waiting = IDLE
        self.call = None
        if self.size:
            call.body = b"".join((call.body, *self.parts))
            self.parts, self.size = [], 0
        if self.answered:
            self._close_after(call)
        elif self.running is None:
            self._run(call)
        else:
            self.deferred = False
            self.behind.append(call)

    # A call's way.

    def _more(self, call: Call, body: bytes) -> None:
        """Take a further piece of a body, or read it away."""
        self.size += len(body)
        if self.answered and self.size > SPARE_BODY:
            self._linger()
        elif not self.answered and len(call.body) + self.size > self.max_body:
            self._refuse(413, too_large(self.max_body))
        elif not self.answered:
            self.parts.append(body)

    def _over_head(self, call: Call) -> bool:
        if not over_head(self.url, call.fields, self.octets + SLICE, self.max_head):
            return False
        self.last = call  # what follows is not looked at
        self._refuse(431, OVER_HEAD)
        self.call = None
        return True

    def _admitted(self, call: Call, reply: Reply | None) -> None:
        """Refuse a call before its body is read, or let the body come."""
        if reply is None:
            if b"expect" in call.heads:
                self.edge.flush()
                self.transport.write(CONTINUE)
            return
        self.answered = True
        length = call.heads.get(b"content-length")
        if reply.status in UNSOUND or b"expect" in call.heads:
            self.last = call  # who sends this may mean anything by what follows
        elif length is not None and int(length) > SPARE_BODY:
            self.last = call
        self._send(call, reply)
        if self.last is call and self.state != IDLE and call is self.call:
            self._close_after(call)

    def _run(self, call: Call) -> None:
        reply: Reply | Awaitable[Reply] = call.route.invoke(call)  # as `Gateway.invoke`
        if isinstance(reply, Reply):
            if self._send(call, reply):
                self._linger()
            return
        self.running = call
        task = asyncio.ensure_future(reply)
        self.tasks.add(task)  # type: ignore[arg-type]  # a future; uvicorn waits for it at its end
        task.add_done_callback(partial(self._done, call))

    def _done(self, call: Call, task: asyncio.Future[Reply]) -> None:
        self.tasks.discard(task)
        self.running = None
        if task.cancelled():
            reply = problem(call, 503, "the server is stopping", headers={"Retry-After": "1"})
        else:
            reply = task.result()
        if self.state == CLOSING:
            self.gateway.done(call, reply, 499)
            return
        if self._send(call, reply):
            self._linger()
        self.since = self.loop.time()
        if self.state != CLOSING:
            self._go_on()

    def _send(self, call: Call, reply: Reply) -> bool:
        """Send a reply, and tell whether it is the last."""
        close = call is self.last or (self.draining and not self.behind)
        line, ready = self.lines[reply.status], self.ready
        octets = encode(line, reply, call.reply_fields, call.method == "HEAD", close)
        if not ready:
            self.loop.call_soon(self.edge.flush)
        ready.append((self.transport, octets))
        self.quiet = False
        self.gateway.done(call, reply)
        return close

    def _close_after(self, call: Call) -> None:
        if call is self.last or (self.draining and not self.behind):
            self._linger()

    # Octets.

    def _feed(self, data: bytes) -> None:
        """Parse at most SLICE octets."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # an offer that a server may ignore (RFC 9110, 7.8): `last` is set, and answered
        except httptools.HttpParserCallbackError as error:
            logger.error("a fault of the gateway's own", exc_info=error.__context__ or error)
            self._refuse(500, "the gateway failed")
        except httptools.HttpParserInvalidMethodError:
            self._refuse(501, "that method is not known here")
        except httptools.HttpParserError:
            self._refuse(400, "that is not HTTP/1.1")
        state = self.state
        if state in (HEAD, BODY):
            self.octets += len(data)
            if self.octets > self.max_head:
                self._refuse(431, OVER_HEAD)
        if state != self.waiting:
            self.waiting = state
            self.since = self.loop.time()

    def _go_on(self) -> None:
        """Take up what lies here, in order, while nothing waits for a function or the client."""
        while self.running is None and self.state != CLOSING:
            self.edge.flush()  # so that a client that does not read is noticed
            if self.flow.write_paused:
                break
            if self.behind:
                self._take_turn(self.behind.popleft())
            elif self.deferred and self.call is not None:
                self.deferred = False
                self._admitted(self.call, self.gateway.admit(self.call))
            elif self.broken is not None:
                self._refuse(*self.broken)
            elif self.backlog and (self.last is None or self.state == BODY):
                data, self.backlog = self.backlog[:SLICE], self.backlog[SLICE:]
                self._feed(data)
            else:
                self.backlog = b""
                self.flow.resume_reading()
                return
        if self.state != CLOSING:
            self.flow.pause_reading()

    def _take_turn(self, call: Call) -> None:
        reply = self.gateway.admit(call)
        if reply is None:
            self._run(call)
        elif self._send(call, reply):
            self._linger()

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

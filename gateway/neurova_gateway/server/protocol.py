"""The first door: HTTP/1.1 on a connection, answered without ASGI's cycle.

Here is what only octets show: the size and time of a head, the length of a body, Expect,
pipelining. What is left of a connection is in `connection.py`, everything else the core's
(`gateway.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial

import httptools

from neurova.http.call import Call
from neurova.http.problem import problem
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply

from ..pipeline.compression import LARGE
from .connection import BODY, CLOSING, HEAD, IDLE, Connection
from .connection_manager import MAX_FIELDS, OVER_HEAD, over_head, too_large
from .encoding import CONTINUE, UNKNOWN_METHOD, encode, says_caching
from .writer import Outflow

SLICE = 4096  # octets parsed at once, which bounds how many pipelined calls lie here parsed
SPARE_BODY = 64 * 1024  # a refused body up to this length is read away, and the connection kept

UNSOUND = frozenset([400, 413, 501, 505])  # refusals before the body after which nothing is read

logger = logging.getLogger("neurova.gateway")


class GatewayProtocol(Connection):
    """Parse the requests of one connection and answer each by the gateway, in order."""

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
            if len(reply.body) >= LARGE or reply.status == 304:
                self._large(call, reply)
            elif self._send(call, reply):
                self._linger()
            return
        self._wait(call, reply)

    def _large(self, call: Call, reply: Reply) -> None:
        packed = self.gateway.compress(call, reply)
        if not isinstance(packed, Reply):
            self._wait(call, packed)
        elif self._send(call, packed):
            self._linger()

    def _wait(self, call: Call, reply: Awaitable[Reply]) -> None:
        self.running = call
        self.flight = task = asyncio.ensure_future(reply)
        self.tasks.add(task)  # type: ignore[arg-type]  # a future; uvicorn waits for it at its end
        task.add_done_callback(partial(self._done, call))

    def _done(self, call: Call, task: asyncio.Future[Reply]) -> None:
        self.tasks.discard(task)
        self.running = None
        if task.cancelled():
            reply = problem(call, 503, "the server is stopping", headers={"Retry-After": "1"})
        else:
            reply = task.result()
        if isinstance(reply, StreamReply):
            self._stream(call, reply)
            return
        if self.state == CLOSING:
            self.gateway.done(call, reply, 499)
            return
        if len(reply.body) >= LARGE or reply.status == 304:
            self._large(call, reply)
        elif self._send(call, reply):
            self._linger()
        self.since = self.loop.time()
        if self.state != CLOSING:
            self._go_on()

    def _stream(self, call: Call, reply: StreamReply) -> None:
        """Send a reply as its pieces come; until its end nothing else is answered."""
        self.tasks.add(reply.task)
        reply.task.add_done_callback(self.tasks.discard)
        stream = Outflow(self, call, reply)
        if self.state == CLOSING:
            stream.left()
            return
        if call.version == "1.0" and reply.length is None:
            self.last = call
        self.running, self.stream = call, stream
        stream.whole.add_done_callback(self._streamed)
        self.edge.flush()
        stream.begin(close=call is self.last or (self.draining and not self.behind))

    def _streamed(self, whole: asyncio.Future[bool]) -> None:
        call, self.running, self.stream = self.running, None, None
        self.quiet = False
        self.since = self.loop.time()
        if not whole.result() or call is self.last or (self.draining and not self.behind):
            self._linger()
        else:
            self._go_on()

    def _send(self, call: Call, reply: Reply) -> bool:
        """Send a reply, and tell whether it is the last."""
        close = call is self.last or (self.draining and not self.behind)
        lines, ready = self.lines, self.ready
        if reply.fields and says_caching(reply.fields):
            lines = self.edge.bare_lines
        octets = encode(lines[reply.status], reply, call.reply_fields, call.method == "HEAD", close)
        if not ready:
            self.edge.open()
        ready.append((self.transport, octets))
        self.quiet = False
        self.gateway.done(call, reply)
        return close

    def _close_after(self, call: Call) -> None:
        if call is self.last or (self.draining and not self.behind):
            self._linger()

    # Octets.

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self.state == CLOSING:
            return  # read away
        if (
            self.running is None
            and not self.backlog
            and len(data) <= SLICE
            and not self.flow.write_paused  # who does not read replies asks for no more of them
        ):
            self._feed(data)
        else:
            self.backlog += data
            self._go_on()

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
            self._refuse(501, UNKNOWN_METHOD)
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

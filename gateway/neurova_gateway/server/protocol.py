"""The HTTP/1.1 protocol: parse requests, pass them to the gateway, send responses in order.

It enforces the limits of heads and bodies, and handles Expect and pipelining. It extends the
protocol class of uvicorn, but bypasses ASGI.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial

import httptools

from neurova.execution.failures import result_reply
from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply

from ..pipeline import health
from ..pipeline.compression import LARGE
from ..pipeline.framing import body_too_large, is_websocket
from .connection import BODY, CLOSING, HEAD, IDLE, NEW, Connection
from .encoding import (
    CONTINUE,
    OWS,
    UNKNOWN_METHOD,
    encode,
    encode_head,
    encode_request_head,
    has_cache_control,
)
from .head_limits import HEAD_TOO_LARGE, MAX_FIELDS, is_head_too_large
from .writer import ConnectionWriter, is_chunked

SLICE = 4096  # bytes parsed at once; this bounds the pipelined calls in memory
TURN = 8  # slices to parse before other connections are read; a call ends the turn
DISCARDED_BODY = 64 * 1024  # up to this size, the body of a refused call is read and discarded

PAUSED = Call("", b"", b"", [], "")
"""`running` of a connection that waits for its next turn."""
HEALTH = (b"GET " + health.RAW_PATH, b"HEAD " + health.RAW_PATH)  # answered when busy, too

# After a refusal with one of these statuses, the server parses no more input.
FATAL = frozenset([400, 413, 501, 505])

logger = logging.getLogger("neurova.gateway")


class GatewayProtocol(Connection):
    """Parse the requests of one connection and answer them in order."""

    # Callbacks of httptools.

    def on_message_begin(self) -> None:
        """Reset the state for a new head."""
        if self.state != CLOSING:
            self.state = HEAD
            self.url = b""
            self.fields = []
            self.incomplete = 0

    def on_url(self, url: bytes) -> None:
        """Add a piece of the target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field, without white space after the value (RFC 9112, 5.1)."""
        self.fields.append((name.lower(), value.rstrip(OWS)))

    def on_headers_complete(self) -> None:
        """Create the call, and admit it unless another call is in flight."""
        if self.state == CLOSING or self.last is not None:
            self.call = None
            return
        self.state = BODY
        self.is_refused = False
        # Replace `self.fields`: trailer fields (RFC 9110, 6.5) are added there and ignored.
        parser, fields, self.fields = self.parser, self.fields, []
        path, _, query = self.url.partition(b"?")
        method = parser.get_method().decode("ascii")
        version = parser.get_http_version()
        scheme = self.scheme or "http"
        self.call = call = Call(method, path, query, fields, self.peer, b"", scheme, version)
        headers = call.headers
        # A head that arrives in one slice cannot exceed the byte limit.
        if (self.incomplete or len(fields) > MAX_FIELDS) and self._refuse_large_head(call):
            return
        if parser.should_upgrade() and method != "CONNECT" and not is_websocket(call):
            self.state = HEAD  # `_feed` parses the head again without Upgrade
            return
        self.incomplete = 0
        if parser.should_upgrade() or not parser.should_keep_alive():
            self.last = call
        if self.running is not None or not self._has_turn(TURN):
            self.is_deferred = True
            return
        reply = self.gateway.admit(call)
        if reply is not None or b"expect" in headers:
            self._on_admitted(call, reply)

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body, up to the limit."""
        call = self.call
        if self.state == CLOSING or call is None:
            return
        self.incomplete = 0
        if call.body or self.is_refused or len(body) > self.max_body:
            self._add_to_body(call, body)
        else:
            call.body = body  # the first piece is usually the whole body

    def on_message_complete(self) -> None:
        """Run the call, or queue it behind the call in flight."""
        call = self.call
        if self.state != BODY or call is None:
            return
        self.state = self.timed_state = IDLE
        self.call = None
        if self.size:
            call.body = b"".join((call.body, *self.parts))
            self.parts, self.size = [], 0
        if self.is_refused:
            self._close_after(call)
        elif self.running is None:
            self._run(call)
        else:
            self.is_deferred = False
            self.pipelined.append(call)

    # The steps of a call, in order.

    def _refuse_large_head(self, call: Call) -> bool:
        size = self.incomplete + SLICE
        if not is_head_too_large(self.url, call.fields, size, self.max_head):
            return False
        self.last = call
        self._refuse(431, HEAD_TOO_LARGE)
        self.call = None
        return True

    def _on_admitted(self, call: Call, reply: Reply | None) -> None:
        """Send the refusal before the body is read, or ask the client for the body."""
        if reply is None:
            if b"expect" in call.headers:
                self.manager.flush()
                self.transport.write(CONTINUE)
            return
        self.is_refused = True
        length = call.headers.get(b"content-length")
        if reply.status in FATAL or b"expect" in call.headers:
            self.last = call  # with Expect, the next bytes may be its body or a new request: close
        elif length is not None and int(length) > DISCARDED_BODY:
            self.last = call
        self._send(call, reply)
        if self.last is call and self.state != IDLE and call is self.call:
            self._close_after(call)

    def _add_to_body(self, call: Call, body: bytes) -> None:
        self.size += len(body)
        if self.is_refused:
            if self.size > DISCARDED_BODY:
                self._close()
        elif len(call.body) + self.size > self.max_body:
            self._refuse(413, body_too_large(self.max_body))
        else:
            self.parts.append(body)

    def _run(self, call: Call) -> None:
        reply: Reply | Awaitable[Reply] = call.route.invoke(call)  # `Gateway.invoke`, inlined
        if isinstance(reply, Reply):
            self._respond(call, reply)
        else:
            self._wait(call, reply)

    def _respond(self, call: Call, reply: Reply) -> None:
        """Send a complete response, compressed if it is large."""
        if len(reply.body) >= LARGE or reply.status == 304:
            compressed = self.gateway.compress(call, reply)
            if not isinstance(compressed, Reply):
                self._wait(call, compressed)
                return
            reply = compressed
        if self._send(call, reply):
            self._close()

    def _wait(self, call: Call, reply: Awaitable[Reply]) -> None:
        self.running = call
        self.admission.begin_call()
        self.pending = task = asyncio.ensure_future(reply)
        self.tasks.add(task)  # type: ignore[arg-type]  # a future; uvicorn waits for it on shutdown
        task.add_done_callback(partial(self._on_reply, call))

    def _on_reply(self, call: Call, task: asyncio.Future[Reply]) -> None:
        self.tasks.discard(task)
        self.admission.end_call()
        self._end_call()
        reply = result_reply(call, call.route.name, task)
        if call.task is not None:
            self.tasks.add(call.task)  # uvicorn waits for this task on shutdown, too
            call.task.add_done_callback(self.tasks.discard)
        if isinstance(reply, StreamReply):
            self._start_stream(call, reply)
            return
        if self.state == CLOSING:
            self.gateway.record(call, reply, 499)
            return
        self._respond(call, reply)
        self.since = self.loop.time()
        if self.state != CLOSING:
            self._resume()

    def _start_stream(self, call: Call, reply: StreamReply) -> None:
        """Send a response piece by piece; the next call starts after its end."""
        on_end = partial(self.gateway.record, call, reply)
        writer = ConnectionWriter(self.transport, self.flow, call, reply, on_end, self.loop)
        if self.state == CLOSING:
            writer.disconnected()
            return
        if call.version == "1.0" and reply.length is None:
            self.last = call
        self.running, self.writer = call, writer
        writer.finished.add_done_callback(self._on_stream_end)
        self.manager.flush()
        lines = self.status_lines
        if has_cache_control(reply.fields):
            lines = self.manager.plain_status_lines
        close, chunked = self._is_last(call), is_chunked(call, reply)
        head = encode_head(lines[reply.status], reply, call.reply_fields, close, chunked)
        writer.start(head)

    def _on_stream_end(self, finished: asyncio.Future[bool]) -> None:
        call = self.running
        self._end_call()
        self.has_responded = True
        self.since = self.loop.time()
        if not finished.result() or self._is_last(call):
            self._close()
        else:
            self._resume()

    def _send(self, call: Call, reply: Reply) -> bool:
        """Queue a response; return whether the connection closes after it."""
        close = call is self.last or (self.is_draining and not self.pipelined)
        lines, queue = self.status_lines, self.queue
        if reply.fields and has_cache_control(reply.fields):
            lines = self.manager.plain_status_lines
        data = encode(lines[reply.status], reply, call.reply_fields, call.method == "HEAD", close)
        if not queue:
            self.manager.begin_iteration()
        queue.append((self.transport, data))
        self.has_responded = True
        self.gateway.record(call, reply)
        return close

    def _is_last(self, call: Call | None) -> bool:
        return call is self.last or (self.is_draining and not self.pipelined)

    def _close_after(self, call: Call) -> None:
        if self._is_last(call):
            self._close()

    # Incoming bytes.

    def data_received(self, data: bytes) -> None:
        """Parse bytes, or keep them while a call is in flight."""
        if self.state == CLOSING:
            return
        if (
            self.running is None
            and not self.unparsed
            and len(data) <= SLICE
            and not self.flow.write_paused  # the client is not reading its responses
        ):
            self.turn = 0
            if not self.admission.is_busy or self.state in (HEAD, BODY) or data.startswith(HEALTH):
                self._parse(data)
                if self.share.held or self.state == BODY:
                    self._bound_bodies()
                return
        self.unparsed += data
        self._resume()

    def _parse(self, data: bytes) -> None:
        """Parse at most SLICE bytes."""
        try:
            self._feed(data)
        except httptools.HttpParserCallbackError as error:
            logger.error("Internal error in the gateway", exc_info=error.__context__ or error)
            self._refuse(500, "Internal error in the gateway")
        except httptools.HttpParserInvalidMethodError:
            self._refuse(501, UNKNOWN_METHOD)
        except httptools.HttpParserError:
            self._refuse(400, "Malformed HTTP/1.1 request")
        state = self.state
        if state in (HEAD, BODY):
            self.incomplete += len(data)
            if self.incomplete > self.max_head:
                self._refuse(431, HEAD_TOO_LARGE)
        if state != self.timed_state:
            self.timed_state = state
            self.since = self.loop.time()

    def _feed(self, data: bytes) -> None:
        """Pass bytes to the parser, and ignore an Upgrade request (RFC 9110, 7.8).

        The parser would skip the body of such a request, so a new parser reads the head again,
        without Upgrade.
        """
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                call = self.call
                if self.state != HEAD or call is None:
                    return
                fields = [field for field in call.fields if field[0] != b"upgrade"]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(
                    lenient_data_after_close=True
                )  # as uvicorn does
                head = encode_request_head(call.method, self.url, call.version, fields)
                self.parser.feed_data(head)
                data = data[upgrade.args[0] :]

    def _resume(self) -> None:
        """Process queued calls and bytes until a call is in flight or the write buffer is full."""
        while self.running is None and self.state != CLOSING:
            self.manager.flush()  # a large response may pause writing
            if self.flow.write_paused:
                break
            cost = TURN if self.pipelined else 1
            if (self.pipelined or self.unparsed) and not self._has_turn(cost):
                break
            if self.pipelined:
                self._start_pipelined(self.pipelined.popleft())
            elif self.is_deferred and self.call is not None:
                self.is_deferred = False
                self._on_admitted(self.call, self.gateway.admit(self.call))
            elif self.refusal is not None:
                self._refuse(*self.refusal)
            elif self.unparsed and (self.last is None or self.state == BODY):
                data, self.unparsed = self.unparsed[:SLICE], self.unparsed[SLICE:]
                self._parse(data)
            else:
                self.unparsed = b""
                break
        if len(self.unparsed) > SLICE:
            self.flow.pause_reading()
        elif self.state != CLOSING:  # keep reading during a call, to detect a disconnect
            self.flow.resume_reading()
        self._bound_bodies()

    def _has_turn(self, slices: int) -> bool:
        """Use up `slices` of the turn of this connection; return False if the turn has ended.

        If it has ended, continue after the other connections were read. Otherwise a client that
        sends faster than its calls run would block the event loop.
        """
        is_late = self.admission.is_busy and self.state in (NEW, IDLE) and not self.turn
        if self.turn < TURN and not is_late:
            self.turn += slices
            return True
        self.running = PAUSED
        if self.admission.is_busy:
            self.admission.wait(self)
            self.manager.begin_iteration()
        else:
            self.loop.call_soon(self.take_turn)
        return False

    def take_turn(self) -> None:
        """Process one pipelined call, or up to TURN slices."""
        self.running = None
        self.turn = 1  # with 0, `_has_turn` would queue the connection again
        if self.pipelined:
            self.since = self.loop.time()  # the request being read waits: restart its timeout
        self._resume()

    def _start_pipelined(self, call: Call) -> None:
        reply = self.gateway.admit(call)
        if reply is None:
            self._run(call)
        elif self._send(call, reply):
            self._close()

"""Write a streamed response to a connection, piece by piece."""

from __future__ import annotations

import socket
import struct
from asyncio import AbstractEventLoop, Future, Transport
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

from neurova.http.call import Call
from neurova.streaming.response_stream import StreamReply

from .encoding import BODILESS

EVENTS = b"text/event-stream"


class ConnectionWriter:
    """Send the pieces of one response as fast as the client reads them; a `BodyWriter`.

    A body of unknown length is chunked; in HTTP/1.0, closing the connection ends the body. A
    truncated body never looks complete: its last chunk or a part of its Content-Length is missing,
    or the connection is reset. `finished` resolves to True if the body is complete, otherwise to
    False. Before that, `on_end` is called with the status (0 if complete) and the number of bytes.
    """

    __slots__ = (
        "_flow",
        "_head",
        "_is_bodiless",
        "_is_chunked",
        "_on_end",
        "_remaining",
        "_reply",
        "_sent",
        "_transport",
        "finished",
    )  # fmt: skip

    def __init__(
        self,
        transport: Transport,
        flow: FlowControl,
        call: Call,
        reply: StreamReply,
        on_end: Callable[[int, int], None],
        loop: AbstractEventLoop,
    ) -> None:
        self._transport = transport
        self._flow = flow
        self._reply = reply
        self._on_end = on_end
        self._head = b""
        self._sent = 0
        self._is_bodiless = call.method == "HEAD" or reply.status in BODILESS
        self._is_chunked = is_chunked(call, reply)
        self._remaining = reply.length
        self.finished: Future[bool] = loop.create_future()

    def start(self, head: bytes) -> None:
        """Start the body; the head is written together with the first piece."""
        self._head = head
        self._reply.start(self)

    async def send(self, data: bytes) -> None:
        """Send a piece; return when the client can receive more. Raises ConnectionError."""
        if self.finished.done():
            raise ConnectionResetError("the client disconnected")
        self._write(self._encode(data) if data and not self._is_bodiless else b"")
        if self._flow.write_paused:
            await self._flow.drain()
            if self.finished.done():
                raise ConnectionResetError("the client disconnected")

    def end(self, status: int = 0) -> None:
        """End the body; `status` 0: it is complete, otherwise it is truncated for this reason."""
        if self.finished.done():
            return
        if self._remaining and not self._is_bodiless:
            status = status or 500
        is_terminated = self._is_chunked and not status and not self._is_bodiless
        self._write(b"0\r\n\r\n" if is_terminated else b"")
        ends_with_connection = not self._is_chunked and self._remaining is None
        if status and ends_with_connection and not self._is_bodiless:
            _reset(self._transport)
        self._finish(status)

    def disconnected(self) -> None:
        """Stop the source, because the client disconnected."""
        if not self.finished.done():
            self._finish(499)
            self._reply.disconnect()

    def end_early(self) -> None:
        """End the response before its source ends, because the server shuts down.

        A stream of server-sent events is complete after each piece, and its client reconnects, so
        it ends normally. Any other body is truncated.
        """
        self.end(0 if self._reply.content_type.startswith(EVENTS) else 503)
        self._reply.disconnect()

    def _encode(self, data: bytes) -> bytes:
        if self._remaining is not None:
            self._remaining -= len(data)
            if self._remaining < 0:
                raise RuntimeError("the body is longer than its Content-Length")
        self._sent += len(data)
        return b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data

    def _write(self, data: bytes) -> None:
        data, self._head = self._head + data, b""
        if data:
            self._transport.write(data)

    def _finish(self, status: int) -> None:
        self._on_end(status, self._sent)
        self.finished.set_result(not status)


def is_chunked(call: Call, reply: StreamReply) -> bool:
    """Return whether the body is sent with chunked transfer coding."""
    return reply.length is None and call.version != "1.0"


def _reset(transport: Transport) -> None:
    """Reset the connection, so that the client does not take the close for the end of the body."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with socket.fromfd(connection.fileno(), connection.family, connection.type) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()

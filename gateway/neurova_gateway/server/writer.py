"""A reply that comes piece by piece, on its way out over a connection."""

from __future__ import annotations

import socket
import struct
from asyncio import Future, Transport
from typing import TYPE_CHECKING

from neurova.http.call import Call
from neurova.streaming.response_stream import StreamReply

from .encoding import BODILESS, encode_head, says_caching

if TYPE_CHECKING:
    from .protocol import GatewayProtocol

EVENTS = b"text/event-stream"


class Outflow:
    """Send the pieces of one reply as its client takes them; a `Sink`.

    A body of unknown length is chunked, in HTTP/1.0 it ends with the connection. One that is cut
    lacks its end: the last chunk, octets of its length, or the close that HTTP/1.0 expects.
    `whole` tells, once it is over, whether it had its end.
    """

    __slots__ = (
        "_chunked", "_head", "_left", "_mute", "_reply", "call", "connection", "sent", "whole",
    )  # fmt: skip

    def __init__(self, connection: GatewayProtocol, call: Call, reply: StreamReply) -> None:
        self.connection = connection
        self.call = call
        self.sent = 0
        self.whole: Future[bool] = connection.loop.create_future()
        self._reply = reply
        self._head = b""
        self._mute = call.method == "HEAD" or reply.status in BODILESS
        self._chunked = reply.length is None and call.version != "1.0"
        self._left = reply.length  # octets to come

    def begin(self, close: bool) -> None:
        """Let the body come; the head goes out with the first piece."""
        reply, edge = self._reply, self.connection.edge
        lines = edge.bare_lines if says_caching(reply.fields) else edge.lines
        line, extra = lines[reply.status], self.call.reply_fields
        self._head = encode_head(line, reply, extra, close, self._chunked)
        reply.to(self)

    async def send(self, data: bytes) -> None:
        """Send a piece; return when the client can take more. Raises ConnectionError."""
        if self.whole.done():
            raise ConnectionResetError("the client has left")
        self._write(self._framed(data) if data and not self._mute else b"")
        flow = self.connection.flow
        if flow.write_paused:
            await flow.drain()
            if self.whole.done():
                raise ConnectionResetError("the client has left")

    def _framed(self, data: bytes) -> bytes:
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise RuntimeError("the body is longer than its Content-Length")
        self.sent += len(data)
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def _write(self, octets: bytes) -> None:
        octets, self._head = self._head + octets, b""
        if octets:
            self.connection.transport.write(octets)

    def end(self, status: int = 0) -> None:
        """End the body: whole, or cut short for a reason that `status` states."""
        if self.whole.done():
            return
        if self._left and not self._mute:
            status = status or 500
        self._write(b"0\r\n\r\n" if self._chunked and not status and not self._mute else b"")
        if status and not self._chunked and self._left is None and not self._mute:
            _reset(self.connection.transport)
        self._over(status)

    def left(self) -> None:
        """Note that the client has left."""
        if not self.whole.done():
            self._over(499)
            self._reply.leave()

    def finish(self) -> None:
        """End it, whatever is to come: the time to drain is nearly over.

        Events are whole after each piece, and their client comes back by itself: they end as if
        there were no more. Anything else is cut.
        """
        self.end(0 if self._reply.content_type.startswith(EVENTS) else 503)
        self._reply.leave()

    def _over(self, status: int) -> None:
        self.connection.gateway.done(self.call, self._reply, status, size=self.sent)
        self.whole.set_result(not status)


def _reset(transport: Transport) -> None:
    """End a connection so that its client cannot take it for the end of a body."""
    connected = transport.get_extra_info("socket")
    if connected is not None:
        with socket.fromfd(connected.fileno(), connected.family, connected.type) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()

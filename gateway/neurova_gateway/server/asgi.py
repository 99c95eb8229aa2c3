"""The second door: the same core as an ASGI app, for tests, Lambda and other servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from neurova.asgi.app import Receive, Scope, Send
from neurova.http.call import Call, Field
from neurova.http.problem import problem
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply

from ..pipeline.compression import LARGE
from ..pipeline.gateway import Gateway
from .connection_manager import OVER_HEAD, head_limit, over_head, too_large
from .encoding import BODILESS, METHODS, PRIVATE, UNKNOWN_METHOD, says_caching


class GatewayApp:
    """Answer ASGI calls by the gateway; `start` and `stop` run with the server's lifespan."""

    def __init__(
        self,
        gateway: Gateway,
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        self._gateway = gateway
        self._start = start
        self._stop = stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope: http or lifespan; WebSocket is refused."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = _call(scope)
        gateway = self._gateway
        reply = self._refusal(call) or gateway.admit(call)
        if reply is None:
            reply = await self._body(call, receive)
        if reply is None:
            answer = gateway.invoke(call)
            reply = answer if isinstance(answer, Reply) else await _awaited(answer, receive)
            if reply is None:
                gateway.done(call, Reply.of(499, b"", b"", []))
                return
            if len(reply.body) >= LARGE or reply.status == 304:
                packed = gateway.compress(call, reply)
                reply = packed if isinstance(packed, Reply) else await packed
        if isinstance(reply, StreamReply):
            await Outgoing(gateway, call, reply, send).run(receive)
            return
        await send({"type": "http.response.start", "status": reply.status,
                    "headers": _fields(call, reply, len(reply.body))})  # fmt: skip
        body = b"" if call.method == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body})
        gateway.done(call, reply)

    def _refusal(self, call: Call) -> Reply | None:
        if call.method not in METHODS:
            self._gateway.begin(call)
            return problem(call, 501, UNKNOWN_METHOD)
        most = head_limit(self._gateway.options.behind)
        if not over_head(call.raw_path + call.query, call.fields, most + 1, most):
            return None
        self._gateway.begin(call)
        return problem(call, 431, OVER_HEAD)

    async def _body(self, call: Call, receive: Receive) -> Reply | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return problem(call, 400, "the body ended early")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._gateway.options.max_body:
                return problem(call, 413, too_large(self._gateway.options.max_body))
            if not message.get("more_body", False):
                call.body = b"".join(parts)
                return None

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})


async def _awaited(answer: Awaitable[Reply], receive: Receive) -> Reply | None:
    """Return a reply to come; None when who asked has left, and the function is told of that."""
    flight: Any = answer
    if not getattr(answer, "streams", False):
        return await answer
    listener = asyncio.ensure_future(gone(receive))
    try:
        await asyncio.wait((flight, listener), return_when=asyncio.FIRST_COMPLETED)
        if listener.done() and not flight.done():
            flight.leave()
            await asyncio.wait((flight,))
            if not flight.cancelled() and isinstance(flight.result(), StreamReply):
                flight.result().leave()
            return None
        return await answer
    except asyncio.CancelledError:
        flight.leave()
        raise
    finally:
        listener.cancel()


async def gone(receive: Receive) -> None:
    """Return when the client has left."""
    try:
        message = await receive()
    except Exception:
        return  # a server that breaks off has no client any more
    if message["type"] != "http.disconnect":
        await asyncio.get_running_loop().create_future()  # it tells nothing that could be used


class TruncatedResponse(Exception):
    """A reply could not be sent to its end: the server has to cut the connection."""


class Outgoing:
    """Send the pieces of one reply as ASGI messages; a `Sink`."""

    def __init__(self, gateway: Gateway, call: Call, reply: StreamReply, send: Send) -> None:
        self._gateway = gateway
        self._call = call
        self._reply = reply
        self._send = send
        self._mute = call.method == "HEAD" or reply.status in BODILESS
        self._sent = 0
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self, receive: Receive) -> None:
        """Answer; return when what makes the body has ended. Raises TruncatedResponse."""
        reply = self._reply
        fields = _fields(self._call, reply, reply.length)
        start = {"type": "http.response.start", "status": reply.status, "headers": fields}
        listener = asyncio.create_task(gone(receive))
        listener.add_done_callback(self._left)
        try:
            await self._send(start)
            reply.to(self)
            await asyncio.wait((self._over,))
        finally:
            listener.cancel()
            self.end(499)  # if it has not ended: whoever called does not wait
            status = self._over.result()
            self._gateway.done(self._call, reply, status, size=self._sent)
            if status:
                reply.leave()
        if not status:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif status != 499:
            raise TruncatedResponse(f"the body is cut short, for a reason like that of a {status}")
        await asyncio.wait((reply.task,))

    async def send(self, data: bytes) -> None:
        """Send a piece. Raises ConnectionError when the client has left."""
        if self._over.done():
            raise ConnectionResetError("the client has left")
        if not data or self._mute:
            return
        self._sent += len(data)
        try:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
        except OSError:
            self.end(499)
            raise ConnectionResetError("the client has left") from None

    def end(self, status: int = 0) -> None:
        """End the body: whole, or cut short for a reason that `status` states."""
        if not self._over.done():
            if self._reply.length is not None and not self._mute and not status:
                status = 0 if self._sent == self._reply.length else 500
            self._over.set_result(status)

    def _left(self, listener: asyncio.Future[None]) -> None:
        if not listener.cancelled():
            self.end(499)


def _call(scope: Scope) -> Call:
    # raw_path is optional in ASGI; what it is made of without it has lost nothing that matters,
    # since "%2f" and "/" cannot be told apart any more and both are read as "/".
    raw_path = scope.get("raw_path") or quote(scope["path"], safe="/!$&'()*+,;=:@").encode()
    client = scope.get("client")
    return Call(
        scope["method"].upper(),
        raw_path.partition(b"?")[0],
        scope.get("query_string", b""),
        [(bytes(name).lower(), bytes(value)) for name, value in scope["headers"]],
        client[0] if client else "",
        scheme=scope.get("scheme", "http"),
        version=scope.get("http_version", "1.1"),
    )


def _fields(call: Call, reply: Reply, length: int | None) -> list[Field]:
    fields = [*call.reply_fields, *reply.fields]
    if not says_caching(reply.fields):
        fields.append(PRIVATE)
    if reply.status not in BODILESS:
        if reply.content_type:
            fields.append((b"content-type", reply.content_type))
        if length is not None:
            fields.append((b"content-length", b"%d" % length))
    return fields

"""The ASGI entry point: the same gateway for tests, Lambda and other servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from neurova.asgi.app import Receive, Scope, Send
from neurova.execution.failures import result_reply
from neurova.http.call import Call, Field
from neurova.http.problem import problem
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply

from ..pipeline.body_memory import TOO_MANY_BODIES, BodyShare
from ..pipeline.compression import LARGE
from ..pipeline.framing import body_too_large
from ..pipeline.gateway import Gateway
from .encoding import BODILESS, METHODS, OWS, PRIVATE, UNKNOWN_METHOD, has_cache_control
from .head_limits import HEAD_TOO_LARGE, head_limit, is_head_too_large


class GatewayApp:
    """Serve ASGI requests with the gateway; `start` and `stop` run at the lifespan events."""

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
        """Serve one scope: http or lifespan; WebSocket is refused."""
        if scope["type"] == "http":
            await self.answer(_call(scope), receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def answer(self, call: Call, receive: Receive, send: Send) -> None:
        """Serve one call: read its body from `receive`, pass the response to `send`."""
        share = BodyShare(self._gateway.body_memory)
        try:
            await self._answer(call, receive, send, share)
        finally:
            share.update(0)
        if call.task is not None:
            await asyncio.wait((call.task,))  # some servers stop or freeze after this returns

    async def _answer(self, call: Call, receive: Receive, send: Send, share: BodyShare) -> None:
        gateway = self._gateway
        reply = self._check_head(call) or gateway.admit(call)
        if reply is None:
            reply = await self._read_body(call, receive, share)
        if reply is None:
            result = gateway.invoke(call)
            reply = result if isinstance(result, Reply) else await _wait(call, result, receive)
            if reply is None:
                gateway.record(call, Reply.of(499, b"", b"", []))
                return
            if len(reply.body) >= LARGE or reply.status == 304:
                compressed = gateway.compress(call, reply)
                reply = compressed if isinstance(compressed, Reply) else await compressed
        if isinstance(reply, StreamReply):
            await AsgiWriter(gateway, call, reply, send).run(receive)
            return
        await send({"type": "http.response.start", "status": reply.status,
                    "headers": _fields(call, reply, len(reply.body))})  # fmt: skip
        body = b"" if call.method == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body})
        gateway.record(call, reply)

    def _check_head(self, call: Call) -> Reply | None:
        if call.method not in METHODS:
            self._gateway.begin(call)
            return problem(call, 501, UNKNOWN_METHOD)
        limit = head_limit(self._gateway.options.behind)
        if not is_head_too_large(call.raw_path + call.query, call.fields, limit + 1, limit):
            return None
        self._gateway.begin(call)
        return problem(call, 431, HEAD_TOO_LARGE)

    async def _read_body(self, call: Call, receive: Receive, share: BodyShare) -> Reply | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return problem(call, 400, "Request body ended early")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._gateway.options.max_body:
                return problem(call, 413, body_too_large(self._gateway.options.max_body))
            if not share.update(size):
                return problem(call, 503, TOO_MANY_BODIES, headers={"Retry-After": "1"})
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


async def _wait(call: Call, result: Awaitable[Reply], receive: Receive) -> Reply | None:
    """Return the reply, None if the client disconnected first.

    A disconnect stops a streamed response; any other call runs to its end.
    """
    pending: Any = asyncio.ensure_future(result)
    disconnect = getattr(pending, "disconnect", pending.cancel)
    listener = asyncio.ensure_future(wait_for_disconnect(receive))
    try:
        await asyncio.wait((pending, listener), return_when=asyncio.FIRST_COMPLETED)
        is_connected = pending.done()
        if not is_connected:
            call.notify_disconnect()
            if getattr(pending, "streams", False):
                disconnect()
            await asyncio.wait((pending,))
        reply = result_reply(call, call.route.name, pending)
        if is_connected:
            return reply
        if isinstance(reply, StreamReply):
            reply.disconnect()
        return None
    except asyncio.CancelledError:
        disconnect()
        raise
    finally:
        listener.cancel()


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has disconnected."""
    try:
        message = await receive()
    except Exception:
        return  # treat an error of the server as a disconnect
    if message["type"] != "http.disconnect":
        await asyncio.get_running_loop().create_future()  # ignore other messages: wait forever


class TruncatedResponse(Exception):
    """Raised if a response cannot be completed, so that the server closes the connection."""


class AsgiWriter:
    """Send the pieces of one streamed response as ASGI messages; a `BodyWriter`."""

    def __init__(self, gateway: Gateway, call: Call, reply: StreamReply, send: Send) -> None:
        self._gateway = gateway
        self._call = call
        self._reply = reply
        self._send = send
        self._is_bodiless = call.method == "HEAD" or reply.status in BODILESS
        self._sent = 0
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self, receive: Receive) -> None:
        """Send the response; return when its source has ended. Raises TruncatedResponse."""
        reply = self._reply
        fields = _fields(self._call, reply, reply.length)
        start = {"type": "http.response.start", "status": reply.status, "headers": fields}
        listener = asyncio.create_task(wait_for_disconnect(receive))
        listener.add_done_callback(self._on_disconnect)
        try:
            await self._send(start)
            reply.start(self)
            await asyncio.wait((self._ended,))
        finally:
            listener.cancel()
            self.end(499)  # only has an effect if the server cancelled this task
            status = self._ended.result()
            self._gateway.record(self._call, reply, status, self._sent)
            if status:
                reply.disconnect()
        if not status:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif status != 499:
            raise TruncatedResponse(f"the response is truncated (status {status})")

    async def send(self, data: bytes) -> None:
        """Send a piece. Raises ConnectionError when the client has disconnected."""
        if self._ended.done():
            raise ConnectionResetError("the client disconnected")
        if not data or self._is_bodiless:
            return
        self._sent += len(data)
        try:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
        except OSError:
            self.end(499)
            raise ConnectionResetError("the client disconnected") from None

    def end(self, status: int = 0) -> None:
        """End the body; `status` 0: it is complete, otherwise it is truncated for this reason."""
        if not self._ended.done():
            if self._reply.length is not None and not self._is_bodiless and not status:
                status = 0 if self._sent == self._reply.length else 500
            self._ended.set_result(status)

    def _on_disconnect(self, listener: asyncio.Future[None]) -> None:
        if not listener.cancelled():
            self._call.notify_disconnect()
            self.end(499)


def _call(scope: Scope) -> Call:
    # raw_path is optional in ASGI. Encoding `path` again may change its escapes but not its route,
    # except for "%2f", which the server has decoded to "/".
    raw_path = scope.get("raw_path") or quote(scope["path"], safe="/!$&'()*+,;=:@").encode()
    client = scope.get("client")
    return Call(
        scope["method"].upper(),
        raw_path.partition(b"?")[0],
        scope.get("query_string", b""),
        [(bytes(name).lower(), bytes(value).strip(OWS)) for name, value in scope["headers"]],
        client[0] if client else "",
        scheme=scope.get("scheme", "http"),
        version=scope.get("http_version", "1.1"),
    )


def _fields(call: Call, reply: Reply, length: int | None) -> list[Field]:
    fields = [*call.reply_fields, *reply.fields]
    if not has_cache_control(reply.fields):
        fields.append(PRIVATE)
    if reply.status not in BODILESS:
        if reply.content_type:
            fields.append((b"content-type", reply.content_type))
        if length is not None:
            fields.append((b"content-length", b"%d" % length))
    return fields

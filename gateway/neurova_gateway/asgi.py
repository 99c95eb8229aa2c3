"""The second door: the same core as an ASGI app, for tests, Lambda and other servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from neurova.call import Call, Field
from neurova.problem import problem
from neurova.reply import Reply

from .edge import OVER_HEAD, head_limit, over_head, too_large
from .gateway import Gateway

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AsgiDoor:
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
            reply = answer if isinstance(answer, Reply) else await answer
        await send({"type": "http.response.start", "status": reply.status,
                    "headers": _fields(call, reply)})  # fmt: skip
        body = b"" if call.method == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body})
        gateway.done(call, reply)

    def _refusal(self, call: Call) -> Reply | None:
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


def _fields(call: Call, reply: Reply) -> list[Field]:
    fields = [*call.reply_fields, *reply.fields]
    if reply.status not in (204, 304):
        if reply.content_type:
            fields.append((b"content-type", reply.content_type))
        fields.append((b"content-length", b"%d" % len(reply.body)))
    return fields

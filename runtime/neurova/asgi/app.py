"""Answer calls with an ASGI app."""

from __future__ import annotations

from asyncio import wait
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..http.caching import PRIVATE
from ..http.call import Call
from ..http.reply import parse_response_head
from ..streaming.response_stream import ResponseStream, StreamReply

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_CORS = b"access-control-"
_ORIGIN = b"access-control-allow-origin"


class AsgiSource:
    """Forward the response of an ASGI app; `make_scope` returns the ASGI scope of a call.

    The request body is complete before the app runs. After the client disconnects, the app
    receives `http.disconnect`, `send` raises OSError, and the app may keep running until the
    function's timeout. Background tasks after the last message have no time limit. `private`: add
    `Cache-Control: private` to a response without Cache-Control.
    """

    __slots__ = ("app", "make_scope", "private")

    def __init__(
        self, app: AsgiApp, make_scope: Callable[[Call], Scope], *, private: bool = False
    ) -> None:
        self.app = app
        self.make_scope = make_scope
        self.private = private

    async def __call__(self, call: Call, response: ResponseStream) -> None:
        """Answer `call` through `response`. Raises RuntimeError for messages that ASGI forbids."""
        response.keep_source_on_disconnect()
        channel = _Channel(call, response, self.private)
        await self.app(self.make_scope(call), channel.receive, channel.send)
        if not response.has_ended:
            raise RuntimeError("The ASGI app returned before the end of its response")


class _Channel:
    """The ASGI callables `receive` and `send` of one call."""

    __slots__ = ("body_received", "call", "private", "response", "start")

    def __init__(self, call: Call, response: ResponseStream, private: bool) -> None:
        self.call = call
        self.response = response
        self.private = private
        self.body_received = False
        self.start: Message | None = None

    async def receive(self) -> Message:
        if not self.body_received:
            self.body_received = True
            return {"type": "http.request", "body": self.call.body, "more_body": False}
        if not self.response.has_ended:
            # `wait`, unlike `await`, does not cancel the shared future when the app is cancelled.
            await wait((self.response.disconnected,))
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind, response = message["type"], self.response
        if kind == "http.response.start" and self.start is None:
            self.start = message
            return
        if kind != "http.response.body" or self.start is None:
            raise RuntimeError(f"The ASGI app sent the message {kind!r} out of order")
        body, more = bytes(message.get("body", b"")), bool(message.get("more_body", False))
        if not response.has_started:
            await response.start(self._head(None if more else len(body)))
        await response.send(body)
        if not more:
            response.end()

    def _head(self, body_length: int | None) -> StreamReply:
        start = self.start or {}
        status: int = start["status"]
        if not 200 <= status <= 599:
            raise RuntimeError(f"The ASGI app sent status {status!r}, not one from 200 to 599")
        content_type, content_length, fields = parse_response_head(start.get("headers", ()))
        if self.private and all(name != b"cache-control" for name, _ in fields):
            # A shared cache may store responses to requests with X-API-Key (RFC 9111, 4.2.2).
            fields += PRIVATE
        if any(name == _ORIGIN for name, _ in fields):  # the app handles CORS itself
            self.call.reply_fields = [
                field for field in self.call.reply_fields if not field[0].startswith(_CORS)
            ]
        length = body_length if content_length is None else content_length
        return StreamReply(status, content_type, fields, length)

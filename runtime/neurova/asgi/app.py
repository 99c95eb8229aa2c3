"""An ASGI app as what answers a call."""

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


class App:
    """Send what an ASGI app sends; `scope_of` makes its scope.

    The body is already here. A client that leaves is told by `http.disconnect`, and by an OSError
    of `send`; the app may then go on for its function's `timeout`. What it does after its last
    message (background tasks) has no bound. `keyed`: an answer that says no Cache-Control is for
    its caller only.
    """

    __slots__ = ("app", "keyed", "scope_of")

    def __init__(
        self, app: AsgiApp, scope_of: Callable[[Call], Scope], *, keyed: bool = False
    ) -> None:
        self.app = app
        self.scope_of = scope_of
        self.keyed = keyed

    async def __call__(self, call: Call, outlet: ResponseStream) -> None:
        """Answer `call` through `outlet`. Raises RuntimeError for messages that ASGI has not."""
        outlet.told = True
        conversation = _Conversation(call, outlet, self.keyed)
        await self.app(self.scope_of(call), conversation.receive, conversation.send)
        if not outlet.ended:
            raise RuntimeError("the app ended before its answer")


class _Conversation:
    """What app and server say to each other about one call."""

    __slots__ = ("asked", "call", "keyed", "outlet", "start")

    def __init__(self, call: Call, outlet: ResponseStream, keyed: bool) -> None:
        self.call = call
        self.outlet = outlet
        self.keyed = keyed
        self.asked = False
        self.start: Message | None = None

    async def receive(self) -> Message:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": self.call.body, "more_body": False}
        if not self.outlet.ended:
            # Not awaited itself: who is cancelled here must not take it along.
            await wait((self.outlet.gone,))
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind, outlet = message["type"], self.outlet
        if kind == "http.response.start" and self.start is None:
            self.start = message
            return
        if kind != "http.response.body" or self.start is None:
            raise RuntimeError(f"an app may not send {kind!r} now")
        body, more = bytes(message.get("body", b"")), bool(message.get("more_body", False))
        if not outlet.begun:
            await outlet.begin(self._head(None if more else len(body)))
        await outlet.send(body)
        if not more:
            outlet.end()

    def _head(self, length: int | None) -> StreamReply:
        start = self.start or {}
        status: int = start["status"]
        if not 200 <= status <= 599:
            raise RuntimeError(f"an app answered the status {status!r}")
        content_type, said, fields = parse_response_head(start.get("headers", ()))
        if self.keyed and all(name != b"cache-control" for name, _ in fields):
            # A shared cache knows no X-API-Key, and guesses (RFC 9111, 4.2.2).
            fields += PRIVATE
        if any(name == _ORIGIN for name, _ in fields):  # an app that sees to CORS itself
            ours = self.call.reply_fields
            self.call.reply_fields = [each for each in ours if not each[0].startswith(_CORS)]
        return StreamReply(status, content_type, fields, length if said is None else said)

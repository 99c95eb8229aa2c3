"""Handle HTTP events with the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurova.http.call import Call, Field
from neurova.http.problem import problem
from neurova.http.reply import Reply
from neurova_gateway.server.asgi import TruncatedResponse

from .http_event import TooLarge, encode_answer, max_answer, read_call

if TYPE_CHECKING:
    from .container import Container

_SAFE = frozenset(["GET", "HEAD", "OPTIONS"])  # publish no events: transactions are read-only
GRACE_SECONDS = 0.2  # after its deadline, a function has this long to end by itself
CLEANUP_SECONDS = 0.05
TOO_LARGE = "Response exceeds {:.0f} MB, the limit of AWS Lambda: return less, or page by page"
TOO_LATE = "The function has not answered before the timeout of AWS Lambda"


class Collector:
    """Collect the ASGI messages of one response of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.status = 0
        self.fields: list[Field] = []
        self.is_too_large = False
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def body(self) -> bytes:
        """Return the part of the body that has been sent so far."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    @property
    def is_event_stream(self) -> bool:
        """Return whether the response is an event stream: its client can resume after a cut."""
        return (b"content-type", b"text/event-stream") in self.fields

    async def send(self, message: Mapping[str, Any]) -> None:
        """Collect one message. Raises ConnectionResetError to end a response that is too large."""
        if message["type"] == "http.response.start":
            self.status, self.fields = message["status"], message["headers"]
            return
        self._size += len(message["body"])
        self.is_too_large = self._size > self._limit
        if not self.is_too_large:
            self._parts.append(message["body"])
        elif message.get("more_body"):
            raise ConnectionResetError("the response is too large")


async def handle(container: Container, event: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Handle one request and publish its events before `deadline`."""
    platform = container.platform
    trusts = bool(platform.settings.gateway.trusted_proxies)
    call = read_call(event, trusts_proxies=trusts, latest=deadline)
    collector = Collector(max_answer(event))
    is_late = False
    try:
        async with asyncio.timeout_at(deadline + GRACE_SECONDS):
            await platform.asgi.answer(call, _Receiver(call), collector.send)
    except (TimeoutError, TruncatedResponse):
        is_late = True
        await asyncio.sleep(CLEANUP_SECONDS)  # let cancelled tasks clean up before the suspension
    if not is_late and call.method not in _SAFE and call.route is not None:
        await container.publisher.publish(call.route.name.partition(".")[0], deadline)
    if is_late and not (collector.status and collector.is_event_stream):
        return _refuse(event, call, 504, TOO_LATE)
    if not collector.is_too_large:
        try:
            return encode_answer(event, collector.status, collector.fields, collector.body)
        except TooLarge:
            pass
    return _refuse(event, call, 502, TOO_LARGE.format(max_answer(event) / (1 << 20)))


class _Receiver:
    """Return the body of a call once, then wait forever: an event's client cannot disconnect."""

    def __init__(self, call: Call) -> None:
        self._body: bytes | None = call.body
        call.body = b""

    async def __call__(self) -> dict[str, Any]:
        body, self._body = self._body, None
        if body is None:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": body, "more_body": False}


def _refuse(event: Mapping[str, Any], call: Call, status: int, what: str) -> dict[str, Any]:
    reply: Reply = problem(call, status, what)
    fields = [*call.reply_fields, *reply.fields, (b"content-type", reply.content_type)]
    return encode_answer(event, reply.status, fields, b"" if call.method == "HEAD" else reply.body)

"""From an iterator's items to the pieces of a reply."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from typing import Any

import msgspec

from ..execution.thread_pool import POOL, Outcome, ThreadPoolFull
from ..http.call import Call, Field
from ..http.media_types import choose_media_type
from ..http.problem import Reject
from .response_stream import ResponseStream, StreamReply
from .stream import ServerSentEvent, Stream

NDJSON = b"application/x-ndjson"
EVENTS = b"text/event-stream"
FORMS = (NDJSON, EVENTS)  # the first is what a caller gets who takes anything
FULL = 0.01  # seconds until a step that found no thread asks again
# Buffers on the way (nginx, and Kong with it) would hold items back.
UNBUFFERED: list[Field] = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
_END: Any = object()
_encode = msgspec.json.Encoder().encode

Encode = Callable[[Any], bytes]


class Items:
    """Send the items of a `Stream`; `status` when it does not say its own."""

    __slots__ = ("status", "stream")

    def __init__(self, stream: Stream, status: int) -> None:
        self.stream = stream
        self.status = stream.status or status

    async def __call__(self, call: Call, outlet: ResponseStream) -> None:
        """Answer `call` through `outlet`. Raises Reject(406) before the first step if it can."""
        given: Any = self.stream.items
        steps: Any = aiter(given) if hasattr(given, "__aiter__") else Threaded(iter(given))
        try:
            if self.stream.json:
                _form(call, self.stream.content_type)
            first = await anext(steps, _END)
            content_type, encode = self._choose(call, first)
            fields = self.stream.fields
            if content_type in FORMS:
                said = {name for name, _ in fields}
                fields = fields + [field for field in UNBUFFERED if field[0] not in said]
            piece = b"" if first is _END else encode(first)  # what cannot be said is no head yet
            await outlet.begin(StreamReply(self.status, content_type, fields))
            if call.method == "HEAD" or first is _END:
                return
            await outlet.send(piece)
            async for item in steps:
                await outlet.send(encode(item))
        finally:
            close = getattr(steps, "aclose", None)
            if close is not None:
                await close()

    def _choose(self, call: Call, first: Any) -> tuple[bytes, Encode]:
        said = self.stream.content_type
        if isinstance(first, str) or (first is _END and self.stream.json is False):
            return said or b"text/plain; charset=utf-8", _raw
        if isinstance(first, bytes | bytearray | memoryview):
            return said or b"application/octet-stream", _raw
        form = _form(call, said)
        return said or form, _event if form == EVENTS else _line


def _form(call: Call, said: bytes) -> bytes:
    """Return how JSON items are sent. Raises Reject for a caller that takes neither way."""
    media = said.partition(b";")[0].strip().lower()
    if media in FORMS:
        return media
    if media:
        raise TypeError(f"the items of a stream of {said.decode()} must be str or bytes")
    form = choose_media_type(call, FORMS)
    if form is None:
        raise Reject(406, "This answers application/x-ndjson or text/event-stream: accept one.")
    return form


def _raw(item: Any) -> bytes:
    return item.encode() if isinstance(item, str) else bytes(item)


def _event(item: Any) -> bytes:
    if isinstance(item, ServerSentEvent):
        return item.encoded()
    return b"data: %b\n\n" % _encode(item)


def _line(item: Any) -> bytes:
    if isinstance(item, ServerSentEvent):
        return b"" if item.data is msgspec.UNSET else _encode(item.data) + b"\n"
    return _encode(item) + b"\n"


class Threaded(AsyncIterator[Any]):
    """Run each step of a plain iterator in a thread of the pool, all in one context.

    A step cannot be cancelled: whoever is, waits until it has ended.
    """

    __slots__ = ("_context", "_items")

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._context = copy_context()

    async def __anext__(self) -> Any:
        item = await self._run(next, self._items, _END)
        if item is _END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Run what the generator does at its end."""
        close = getattr(self._items, "close", None)
        if close is not None:
            await self._run(close)

    async def _run(self, *step: Any) -> Any:
        while True:
            try:
                result, raised = await self._step(list(step))
            except ThreadPoolFull as full:
                raised = full
            if not isinstance(raised, ThreadPoolFull):
                break
            await asyncio.sleep(FULL)
        if raised is not None:
            raise raised
        return result

    async def _step(self, step: list[Any]) -> Outcome:
        work = POOL.run(self._context.run, step)
        cancelled: CancelledError | None = None
        while not work.done():
            try:
                await asyncio.wait((work,))
            except CancelledError as error:
                cancelled = error
                if POOL.withdraw(work):  # it has not begun
                    work.cancel()
        if cancelled is not None:
            raise cancelled
        return work.result()

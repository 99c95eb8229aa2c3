"""Send the items of an iterator as NDJSON, server-sent events, text or bytes."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from typing import Any

import msgspec

from ..execution.thread_pool import Outcome, ThreadPool, ThreadPoolFull
from ..http.call import Call, Field
from ..http.media_types import choose_media_type
from ..http.problem import Reject
from .response_stream import ResponseStream, StreamReply
from .stream import ServerSentEvent, Stream

NDJSON = b"application/x-ndjson"
EVENTS = b"text/event-stream"
FORMATS = (NDJSON, EVENTS)  # formats of JSON items; the first one is the default
RETRY_PAUSE = 0.01  # seconds until a step is retried when the thread pool is full
# Keep proxies such as nginx and Kong from buffering items.
UNBUFFERED: list[Field] = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
_END: Any = object()
_encode = msgspec.json.Encoder().encode

Encode = Callable[[Any], bytes]


class ItemSource:
    """Send the items of a `Stream`; `status` is the default status."""

    __slots__ = ("status", "stream", "thread_pool")

    def __init__(self, stream: Stream, status: int, thread_pool: ThreadPool) -> None:
        self.stream = stream
        self.status = stream.status or status
        self.thread_pool = thread_pool

    async def __call__(self, call: Call, response: ResponseStream) -> None:
        """Answer `call` through `response`.

        Raises Reject(406) if the caller accepts no format. If the items are known to be JSON, it is
        raised before the first step of the iterator.
        """
        items: Any = self.stream.items
        steps: Any = (
            aiter(items)
            if hasattr(items, "__aiter__")
            else ThreadedIterator(iter(items), self.thread_pool)
        )
        try:
            if self.stream.json:
                _choose_format(call, self.stream.content_type)
            first = await anext(steps, _END)
            content_type, encode = self._choose_encoding(call, first)
            fields = self.stream.fields
            if content_type in FORMATS:
                names = {name for name, _ in fields}
                fields = fields + [field for field in UNBUFFERED if field[0] not in names]
            # Encode before the head is sent, because encoding may fail.
            piece = b"" if first is _END else encode(first)
            await response.start(StreamReply(self.status, content_type, fields))
            if call.method == "HEAD" or first is _END:
                return
            await response.send(piece)
            async for item in steps:
                await response.send(encode(item))
        finally:
            close = getattr(steps, "aclose", None)
            if close is not None:
                await close()

    def _choose_encoding(self, call: Call, first: Any) -> tuple[bytes, Encode]:
        content_type = self.stream.content_type
        if isinstance(first, str) or (first is _END and self.stream.json is False):
            return content_type or b"text/plain; charset=utf-8", _encode_raw
        if isinstance(first, bytes | bytearray | memoryview):
            return content_type or b"application/octet-stream", _encode_raw
        format_ = _choose_format(call, content_type)
        return content_type or format_, _encode_event if format_ == EVENTS else _encode_line


def _choose_format(call: Call, content_type: bytes) -> bytes:
    """Return the format of JSON items. Raises Reject(406) if the caller accepts none."""
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type in FORMATS:
        return media_type
    if media_type:
        raise TypeError(f"Items of a stream of {content_type.decode()} must be str or bytes")
    format_ = choose_media_type(call, FORMATS)
    if format_ is None:
        raise Reject(406, "Accept application/x-ndjson or text/event-stream.")
    return format_


def _encode_raw(item: Any) -> bytes:
    return item.encode() if isinstance(item, str) else bytes(item)


def _encode_event(item: Any) -> bytes:
    if isinstance(item, ServerSentEvent):
        return item.encode()
    return b"data: %b\n\n" % _encode(item)


def _encode_line(item: Any) -> bytes:
    if isinstance(item, ServerSentEvent):
        return b"" if item.data is msgspec.UNSET else _encode(item.data) + b"\n"
    return _encode(item) + b"\n"


class ThreadedIterator(AsyncIterator[Any]):
    """Run each step of a plain iterator in a thread of the pool, all in the same context.

    A running step cannot be cancelled: a cancelled caller waits until the step ends.
    """

    __slots__ = ("_context", "_items", "_thread_pool")

    def __init__(self, items: Iterator[Any], thread_pool: ThreadPool) -> None:
        self._items = items
        self._thread_pool = thread_pool
        self._context = copy_context()

    async def __anext__(self) -> Any:
        item = await self._run(next, self._items, _END)
        if item is _END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Close the generator."""
        close = getattr(self._items, "close", None)
        if close is not None:
            await self._run(close)

    async def _run(self, *step: Any) -> Any:
        while True:
            try:
                result, error = await self._run_step(list(step))
            except ThreadPoolFull as full:
                error = full
            if not isinstance(error, ThreadPoolFull):
                break
            await asyncio.sleep(RETRY_PAUSE)
        if error is not None:
            raise error
        return result

    async def _run_step(self, step: list[Any]) -> Outcome:
        work = self._thread_pool.run(self._context.run, step)
        cancelled: CancelledError | None = None
        while not work.done():
            try:
                await asyncio.wait((work,))
            except CancelledError as error:
                cancelled = error
                if work.withdraw():  # the step has not started
                    work.cancel()
        if cancelled is not None:
            raise cancelled
        return work.result()

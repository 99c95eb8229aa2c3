"""Read a streamed response item by item, while the function produces it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Self

import msgspec

from .client import decode_headers
from .response import parse_events

Message = dict[str, Any]
_SEPARATORS = {"application/x-ndjson": b"\n", "text/event-stream": b"\n\n"}


class StreamReader:
    """Iterate over one response: NDJSON records, server-sent events, or chunks of bytes.

    The function produces at most one item ahead of the reader. Leaving the `with` block
    disconnects. Iteration raises TruncatedResponse if the function fails during the stream.
    """

    def __init__(self, runner: asyncio.Runner, app: Any, scope: Message, body: bytes) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._runner = runner
        self._app, self._scope = app, scope
        self._requests: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._messages: asyncio.Queue[Message] = asyncio.Queue(1)
        self._disconnected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._at_end = False
        self._partial = b""
        self._items: list[Any] = []

    def __enter__(self) -> Self:
        self._runner.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._disconnect())

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while not self._items:
            if self._at_end:
                raise StopIteration
            message = self._runner.run(self._next_message())
            self._at_end = not message.get("more_body", False)
            self._items += self._split(message.get("body", b""))
        return self._items.pop(0)

    def _split(self, chunk: bytes) -> list[Any]:
        media_type = self.headers.get("content-type", "").partition(";")[0]
        separator = _SEPARATORS.get(media_type)
        if separator is None:
            return [chunk] if chunk else []
        *blocks, self._partial = (self._partial + chunk).split(separator)
        if separator == b"\n":
            return [msgspec.json.decode(line) for line in blocks if line]
        return [event for block in blocks for event in parse_events(block.decode())]

    async def _open(self) -> None:
        self._task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        start = await self._next_message()
        self.status = start["status"]
        self.headers = decode_headers(start)

    async def _next_message(self) -> Message:
        message = asyncio.ensure_future(self._messages.get())
        assert self._task is not None
        await asyncio.wait((message, self._task), return_when=asyncio.FIRST_COMPLETED)
        if message.done():
            return message.result()
        message.cancel()
        self._task.result()  # raises the error that ended the stream
        return {"type": "http.response.body"}

    async def _disconnect(self) -> None:
        self._disconnected.set()
        while not self._messages.empty():
            self._messages.get_nowait()
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _receive(self) -> Message:
        if self._requests:
            return self._requests.pop()
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._disconnected.is_set():
            raise ConnectionResetError
        await self._messages.put(message)

"""A stream that a test reads while it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec

from neurova.testing import heard
from neurova_gateway.server.asgi import TruncatedResponse

Message = dict[str, Any]
_ENDS = {"application/x-ndjson": b"\n", "text/event-stream": b"\n\n"}


class Cut(Exception):
    """The stream was cut short."""


class Reading:
    """One call, read item by item: records of NDJSON, events, or pieces of anything else.

    The function makes no item before it is asked for, but for the one that waits to be taken.
    """

    def __init__(self, runner: asyncio.Runner, app: Any, scope: Message, body: bytes) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._runner = runner
        self._asked: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._sent: asyncio.Queue[Message] = asyncio.Queue(1)
        self._left: asyncio.Event = asyncio.Event()
        self._rest = b""
        self._over = False
        self._items: list[Any] = []
        self._app, self._scope = app, scope
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Reading:
        self._runner.run(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._leave())

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while not self._items:
            if self._over:
                raise StopIteration
            piece = self._runner.run(self._next())
            self._over = not piece.get("more_body", False)
            self._items += self._read(piece.get("body", b""))
        return self._items.pop(0)

    def _read(self, piece: bytes) -> list[Any]:
        media = self.headers.get("content-type", "").partition(";")[0]
        end = _ENDS.get(media)
        if end is None:
            return [piece] if piece else []
        *whole, self._rest = (self._rest + piece).split(end)
        if end == b"\n":
            return [msgspec.json.decode(line) for line in whole if line]
        return [each for block in whole for each in heard(block.decode())]

    async def _begin(self) -> None:
        self._task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        start = await self._next()
        self.status = start["status"]
        fields = start["headers"]
        self.headers = {name.decode(): value.decode("latin-1") for name, value in fields}

    async def _next(self) -> Message:
        taking = asyncio.ensure_future(self._sent.get())
        assert self._task is not None
        await asyncio.wait((taking, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not taking.done():
            taking.cancel()
            if isinstance(self._task.exception(), TruncatedResponse):
                raise Cut("the stream was cut: its function failed")
            self._task.result()
            return {"type": "http.response.body"}
        return taking.result()

    async def _leave(self) -> None:
        self._left.set()
        while not self._sent.empty():
            self._sent.get_nowait()
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _receive(self) -> Message:
        if self._asked:
            return self._asked.pop()
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._left.is_set():
            raise ConnectionResetError
        await self._sent.put(message)

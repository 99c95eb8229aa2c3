"""Load over raw connections that counts each request as answered, or failed with its cause."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    """A failed request; `by` is the worker of the previous response on the connection."""

    why: str
    by: str


@dataclass
class LoadCount:
    """Count requests; after the load has ended, sent = sum(answered) + failed.

    `answered` counts by worker, whose id is in the body. `reopened` counts idle connections that
    the server closed: any client opens those again.
    """

    sent: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    failed: list[Failure] = field(default_factory=list)
    reopened: int = 0
    closed: int = 0  # connections closed by a reply with `Connection: close`

    @property
    def total(self) -> int:
        """Return the number of answered requests."""
        return sum(self.answered.values())


class BadReply(Exception):
    """A response other than a 200 with correct framing."""


class Client:
    """Send GETs to one path, one after the other, until stopped.

    With `keep`, use one connection as long as it stays open, otherwise a new one for each request.
    `pause` is the longest time between two requests, in seconds.
    """

    def __init__(self, port: int, path: str, count: LoadCount, *, keep: bool, pause: float) -> None:
        fields = "" if keep else "Connection: close\r\n"
        self._octets = f"GET {path} HTTP/1.1\r\nHost: load\r\n{fields}\r\n".encode()
        self._port = port
        self._keep = keep
        self._pause = pause
        self._count = count
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._by = ""  # the worker behind this connection
        self.stopped = False

    async def run(self) -> None:
        """Send requests until `stopped` is set."""
        while not self.stopped:
            if self._pause:
                await asyncio.sleep(random.uniform(0, self._pause))
            if self._reader is not None and self._reader.at_eof():
                self._count.reopened += 1
                self._close()
            self._count.sent += 1
            try:
                self._count.answered[await self._exchange()] += 1
            except (OSError, EOFError, BadReply) as error:
                self._count.failed.append(Failure(repr(error), self._by))
                self._close()
        self._close()

    async def _exchange(self) -> str:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(self._octets)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise BadReply(head.partition(b"\r\n")[0].decode())
        self._by = body.decode()
        if b"connection: close" in head.lower():
            if await self._reader.read(1):
                raise BadReply("data after the last reply")
            self._count.closed += self._keep
            self._close()
        elif not self._keep:
            raise BadReply("the connection stays open")
        return body.decode()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
        self._by = ""


@asynccontextmanager
async def load(port: int, path: str, *, clients: int = 16) -> AsyncIterator[LoadCount]:
    """Send GETs while the block runs; half of the clients keep their connections."""
    count = LoadCount()
    sending = [
        Client(port, path, count, keep=number % 2 == 0, pause=0.05 if number % 4 == 0 else 0.0)
        for number in range(clients)
    ]
    tasks = [asyncio.create_task(each.run()) for each in sending]
    try:
        yield count
    finally:
        for each in sending:
            each.stopped = True
        await asyncio.gather(*tasks)

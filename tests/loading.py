"""A load over raw connections, in which each request is counted: answered, or failed and why."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    """A request that was not answered as it should be; `by`: who had answered before it there."""

    why: str
    by: str


@dataclass
class Counted:
    """Count requests: sent = sum(answered) + failed once the load has ended.

    `answered` counts by who answered, as the body says; `reopened` the connections that were
    closed while nothing had been sent on them, which any client opens again.
    """

    sent: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    failed: list[Failure] = field(default_factory=list)
    reopened: int = 0
    closed: int = 0  # by a `Connection: close` that was kept

    @property
    def total(self) -> int:
        """Return how many were answered."""
        return sum(self.answered.values())


class Broken(Exception):
    """A reply that is none, or not the one that must come."""


class Client:
    """Send GETs to one path, one after the other, until told to stop.

    `keep`: on one connection as long as it is kept, else on a fresh one each. `rests`: seconds up
    to which it idles between two requests.
    """

    def __init__(self, port: int, path: str, counted: Counted, *, keep: bool, rests: float) -> None:
        fields = "" if keep else "Connection: close\r\n"
        self._octets = f"GET {path} HTTP/1.1\r\nHost: load\r\n{fields}\r\n".encode()
        self._port = port
        self._keep = keep
        self._rests = rests
        self._counted = counted
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._by = ""  # who answered on this connection
        self.stopped = False

    async def run(self) -> None:
        """Send until stopped."""
        while not self.stopped:
            if self._rests:
                await asyncio.sleep(random.uniform(0, self._rests))
            if self._reader is not None and self._reader.at_eof():
                self._counted.reopened += 1
                self._leave()
            self._counted.sent += 1
            try:
                self._counted.answered[await self._ask()] += 1
            except (OSError, EOFError, Broken) as error:
                self._counted.failed.append(Failure(repr(error), self._by))
                self._leave()
        self._leave()

    async def _ask(self) -> str:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(self._octets)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Broken(head.partition(b"\r\n")[0].decode())
        self._by = body.decode()
        if b"connection: close" in head.lower():
            if await self._reader.read(1):
                raise Broken("more came behind the last reply")
            self._counted.closed += self._keep
            self._leave()
        elif not self._keep:
            raise Broken("a connection that should be closed is kept")
        return body.decode()

    def _leave(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
        self._by = ""


@asynccontextmanager
async def load(port: int, path: str, *, clients: int = 16) -> AsyncIterator[Counted]:
    """Send GETs while the block runs: a half on kept connections, of which some idle at times."""
    counted = Counted()
    sending = [
        Client(port, path, counted, keep=number % 2 == 0, rests=0.05 if number % 4 == 0 else 0.0)
        for number in range(clients)
    ]
    tasks = [asyncio.create_task(each.run()) for each in sending]
    try:
        yield counted
    finally:
        for each in sending:
            each.stopped = True
        await asyncio.gather(*tasks)

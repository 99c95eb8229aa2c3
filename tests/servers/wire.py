"""A proxy for PostgreSQL connections that counts round trips, stalls, or drops a response."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

ENDS_TRIP = b"QSH"  # Query, Sync and Flush: after these the client waits for a reply


class Wire:
    """Forward connections to the server at `url`; clients connect to `self.url`.

    `trips` counts the client's waits for a response after connection setup. `queries` holds the
    simple queries (BEGIN, COMMIT, …). For a simple query in `lost`, the proxy drops the response
    and closes the connection.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._to = (parts.hostname, parts.port)
        self._parts = parts
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._alive = asyncio.Event()
        self._alive.set()
        self.url = ""
        self.connections = 0
        self.trips = 0
        self.queries: list[str] = []
        self.lost: set[str] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = self._parts.netloc.rpartition("@")[0]
        self.url = self._parts._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        while self._links:
            await asyncio.gather(*self._links, return_exceptions=True)
        await self._server.wait_closed()

    def hold(self) -> None:
        """Stop forwarding in both directions."""
        self._alive.clear()

    def release(self) -> None:
        """Resume forwarding, and send the data that was held back."""
        self._alive.set()

    def cut(self) -> None:
        """Close all connections on both sides."""
        self.release()
        for writer in self._writers:
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        self.connections += 1
        try:
            with suppress(OSError):
                far_reader, far = await asyncio.open_connection(*self._to)
                self._writers |= {writer, far}
                await self._forward(reader, writer, far_reader, far)
        finally:
            self._links.discard(task)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far: asyncio.StreamWriter,
    ) -> None:
        losing = asyncio.Event()

        async def out() -> None:
            await self._setup(reader, far)
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
                self.trips += head[:1] in ENDS_TRIP
                query = body[:-1].decode() if head[:1] == b"Q" else ""
                if query:
                    self.queries.append(query)
                if query in self.lost:
                    losing.set()
                await self._alive.wait()
                far.write(head + body)

        async def back() -> None:
            while octets := await far_reader.read(65_536):
                await self._alive.wait()
                if losing.is_set():
                    return
                writer.write(octets)

        tasks = [asyncio.ensure_future(out()), asyncio.ensure_future(back())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for end in (writer, far):
                end.transport.abort()
                self._writers.discard(end)

    async def _setup(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        """Forward the untyped first message: a TLS request, a startup or a cancellation."""
        while True:
            length = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(length) - 4)
            await self._alive.wait()
            far.write(length + body)
            if body[:2] == b"\x00\x03":  # the startup message of protocol version 3
                return

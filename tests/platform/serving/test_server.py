"""A server drains: it takes no more connections, and ends each after one more call."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

import pytest
import uvicorn

from neurova_gateway.server.protocol import GatewayProtocol
from neurova_platform.serving.server import Server
from neurova_platform.testing.platform import TestPlatform

ASK = b"GET /wait/0 HTTP/1.1\r\nHost: a\r\n\r\n"


class Served:
    """A probe on a port, served by our server until it ends."""

    def __init__(self, probe: TestPlatform, patience: float) -> None:
        self.platform = probe.platform
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        config = uvicorn.Config(
            self.platform.asgi,
            http=partial(GatewayProtocol, self.platform.connection_manager),  # type: ignore[arg-type]
            lifespan="off",
            ws="none",
            log_config=None,
            timeout_graceful_shutdown=5,
        )
        self.ready = asyncio.Event()
        manager = self.platform.connection_manager
        self.server = Server(config, self.ready.set, edge=manager, patience=patience)
        self.task = asyncio.create_task(self.server.serve(sockets=[self.listener]))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, once it serves, and make one call."""
        await self.ready.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        assert b"connection: close" not in await ask(reader, writer)
        return reader, writer


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(ASK)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    assert head.startswith(b"HTTP/1.1 200 ")
    return head


def test_a_connection_that_idles_has_its_next_call_answered_then_all_ends(
    probe: TestPlatform,
) -> None:
    async def drained() -> None:
        served = Served(probe, patience=60)
        first, second = await served.connect(), await served.connect()
        served.server.drain()
        served.server.drain()  # twice is once
        for reader, writer in (first, second):
            assert b"connection: close" in await ask(reader, writer)
            assert await reader.read() == b""
            writer.close()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", served.port)
        await served.task

    probe.run(drained())


def test_when_patience_ends_what_idles_is_closed_by_an_end_and_not_a_reset(
    probe: TestPlatform,
) -> None:
    async def drained() -> None:
        served = Served(probe, patience=0)
        reader, writer = await served.connect()
        served.server.drain()
        assert await reader.read() == b""
        writer.write(ASK)  # just too late: read away, no answer, no reset
        await writer.drain()
        assert await reader.read() == b""
        writer.close()
        await served.task

    probe.run(drained())


def test_a_connection_that_is_made_while_it_drains_ends_with_its_first_call(
    probe: TestPlatform,
) -> None:
    """It may have been accepted before, and be told of only now."""

    async def drained() -> None:
        served = Served(probe, patience=60)
        kept = await served.connect()
        served.platform.connection_manager.drain()
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        assert b"connection: close" in await ask(reader, writer)
        writer.close()
        kept[1].close()
        served.server.stop()
        await served.task

    probe.run(drained())

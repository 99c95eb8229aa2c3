"""A draining server accepts no connections, and serves one more call on each open one."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
import uvicorn

from neurova_gateway.server.protocol import GatewayProtocol
from neurova_platform.composition.platform import Platform
from neurova_platform.serving.listener import BACKLOG
from neurova_platform.serving.server import Server
from neurova_platform.settings.loading import load

REQUEST = b"GET /wait/0 HTTP/1.1\r\nHost: a\r\n\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class RunningServer:
    """Our HTTP server with the probe project, on a free port."""

    def __init__(
        self, platform: Platform, idle_timeout: float, serves: bool = True, drain_delay: float = 0
    ) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.platform = platform
        self.port = self.listener.getsockname()[1]
        config = uvicorn.Config(
            platform.asgi,
            http=partial(GatewayProtocol, platform.connection_manager),  # type: ignore[arg-type]  # called as the class would be
            lifespan="off",
            ws="none",
            log_config=None,
            timeout_graceful_shutdown=5,
        )
        self.ready = asyncio.Event()
        self.server = Server(
            config,
            self.ready.set,
            edge=platform.connection_manager,
            drain_delay=drain_delay,
            idle_timeout=idle_timeout,
        )
        config.load()
        self.server.lifespan = config.lifespan_class(config)
        if serves:
            self.task = asyncio.create_task(self.server.serve(sockets=[self.listener]))

    async def connect(self) -> Connection:
        """Connect and make one call."""
        await self.ready.wait()
        connection = await asyncio.open_connection("127.0.0.1", self.port)
        assert b"connection: close" not in await ask(connection)
        return connection


async def ask(connection: Connection) -> bytes:
    """Make one call and return the response's head."""
    reader, writer = connection
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    assert head.startswith(b"HTTP/1.1 200 ")
    return head


@pytest.fixture
async def start(probe_project: Path) -> AsyncIterator[Callable[[float], RunningServer]]:
    """Return a function that starts a server with a given idle timeout."""
    platform = Platform(load(probe_project, environ={}), environment="test", migrate=True)
    await platform.start()
    yield partial(RunningServer, platform)
    await platform.stop()


async def test_draining_server_answers_one_more_call(
    start: Callable[[float], RunningServer],
) -> None:
    running = start(60)
    connections = [await running.connect() for _ in range(2)]
    running.server.drain()
    running.server.drain()
    for connection in connections:
        assert b"connection: close" in await ask(connection)
        assert await connection[0].read() == b""
        connection[1].close()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", running.port)
    await running.task


async def test_connections_close_after_a_call_during_the_drain_delay(
    start: Callable[..., RunningServer],
) -> None:
    running = start(60, drain_delay=60)
    kept = await running.connect()
    running.server.handle_exit(signal.SIGTERM, None)
    while not running.platform.connection_manager.is_draining:
        await asyncio.sleep(0)
    late = await asyncio.open_connection("127.0.0.1", running.port)
    for connection in (kept, late):
        assert b"connection: close" in await ask(connection)
        connection[1].close()
    running.server.stop()
    await running.task


async def test_backlog_is_answered_before_the_listeners_close(
    start: Callable[..., RunningServer],
) -> None:
    running = start(60, False)
    await running.server.startup([running.listener])
    address = ("127.0.0.1", running.port)
    waiting = [socket.create_connection(address) for _ in range(100)]
    for each in waiting:
        each.sendall(REQUEST)
    late = socket.create_connection(address)  # sends its request after the listeners are closed
    shutdown = asyncio.create_task(running.server.shutdown([running.listener]))
    while running.listener.fileno() >= 0 and not shutdown.done():
        await asyncio.sleep(0)
    late.sendall(REQUEST)
    await shutdown
    for each in (*waiting, late):
        with each:
            response = each.recv(4096)
            assert response.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" in response
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


async def test_idle_connection_ends_without_a_reset(
    start: Callable[[float], RunningServer],
) -> None:
    running = start(0)
    reader, writer = await running.connect()
    running.server.drain()
    assert await reader.read() == b""
    writer.write(REQUEST)  # too late: the server reads and ignores it
    await writer.drain()
    assert await reader.read() == b""
    writer.close()
    await running.task


async def test_connection_accepted_while_draining_ends_after_one_call(
    start: Callable[[float], RunningServer],
) -> None:
    """The event loop may report a connection late that it accepted before the drain."""
    running = start(60)
    kept = await running.connect()
    running.platform.connection_manager.drain()
    late = await asyncio.open_connection("127.0.0.1", running.port)
    assert b"connection: close" in await ask(late)
    late[1].close()
    kept[1].close()
    running.server.stop()
    await running.task

"""The memory for request bodies of all connections is limited, and always released."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest
from tests.conftest import HttpServer
from tests.gateway.raw_http import request, statuses, wait_until

from neurova_gateway.pipeline.body_memory import BodyMemory
from neurova_platform.testing.platform import TestPlatform

LIMIT = 256 * 1024
BODY = b'{"text":"%b"}' % (b"x" * 60_000)
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
JSON = "Content-Type: application/json"


@pytest.fixture
def memory(server: HttpServer) -> BodyMemory:
    found = server.platform.platform.gateway.body_memory
    found.limit = LIMIT
    return found


def post(server: HttpServer, *fields: str, body: bytes = BODY, close: bool = False) -> bytes:
    key = f"X-API-Key: {server.platform.key(scopes=['probe:write'])}"
    return request("POST", "/echo", key, JSON, *fields, body=body, close=close)


HALVES = {
    "length": lambda server: post(server)[:-100],
    "chunked": lambda server: (
        post(server, "Transfer-Encoding: chunked", body=b"") + b"ffff\r\n" + BODY
    ),
    "behind_a_call": lambda server: request("GET", "/wait/300", close=False) + post(server)[:-100],
    "unparsed": lambda server: request("GET", "/wait/300", close=False) + request() * 1000,
}


async def connect(server: HttpServer) -> tuple[Client, asyncio.Protocol]:
    """Open a connection, and return its client and server sides."""
    connections = server.uvicorn.server_state.connections
    before = set(connections)
    client = await server.connect()
    await wait_until(lambda: connections - before)
    (connection,) = connections - before
    return client, connection


@pytest.mark.parametrize("size", [4000, 100_000])
@pytest.mark.parametrize("name", HALVES)
async def test_bodies_of_all_connections_are_bounded(
    server: HttpServer, memory: BodyMemory, name: str, size: int
) -> None:
    """Small calls are served at the same time."""
    half = HALVES[name](server)
    small = post(server, body=b'{"text":"x"}', close=True)
    clients = []
    for _ in range(12):
        client, connection = await connect(server)
        clients.append(client)
        for start in range(0, len(half), size):
            connection.data_received(half[start : start + size])
        assert statuses(await server.send(small)) == [200]
        assert memory.held < LIMIT + len(half)
    if name != "unparsed":  # "unparsed" connections get no error response
        responses = [asyncio.create_task(reader.read()) for reader, _ in clients]
        await asyncio.wait(responses, return_when=asyncio.FIRST_COMPLETED)
        response = next(task.result() for task in responses if task.done())
        assert statuses(response)[-1] == 503
        assert b"\r\nretry-after: 1\r\n" in response
        assert b"\r\nconnection: close\r\n" in response
    for _, writer in clients:
        writer.close()
    await wait_until(lambda: not server.manager.connections and not memory.held)
    assert statuses(await server.send(post(server, close=True))) == [200]


@pytest.mark.parametrize("path", ["/wait/100", "/quiet"])
@pytest.mark.parametrize("leaves", [False, True])
async def test_running_call_keeps_its_body_counted(
    streams: HttpServer, memory: BodyMemory, path: str, leaves: bool
) -> None:
    _, writer = await streams.connect()
    writer.write(request("GET", path, body=BODY))
    await wait_until(lambda: streams.manager.in_flight)
    assert memory.held == len(BODY)
    if leaves or path == "/quiet":  # /quiet never ends by itself
        writer.transport.abort()
    await wait_until(lambda: not memory.held)
    writer.close()


async def test_no_order_of_events_leaves_bytes_counted(
    server: HttpServer, memory: BodyMemory
) -> None:
    messages = [
        request(close=False),
        request("GET", "/wait/2", body=BODY, close=False),
        post(server),
        post(server, "Connection: Upgrade", "Upgrade: h2c"),
        post(server, "Expect: 100-continue"),
        request("POST", "/echo", JSON, body=BODY, close=False),  # refused: no key
        request("POST", "/nothing", body=b"x" * 100_000, close=False),
        post(server, "Transfer-Encoding: chunked", body=b"") + b"1\r\n{\r\nz",
        post(server, body=b"x" * (2 << 20)),
        post(server, close=True),
    ]
    for seed in range(60):
        chance = random.Random(seed)
        clients = []
        for _ in range(6):
            _, writer = await server.connect()
            data = b"".join(chance.choices(messages, k=4))
            clients.append((writer, data[: chance.randrange(len(data))]))
        while clients:
            writer, data = clients.pop(chance.randrange(len(clients)))
            size = chance.choice([1, 100, 5000, 70_000, 300_000])
            writer.write(data[:size])
            for _ in range(chance.randrange(5)):
                await asyncio.sleep(0)
            if data[size:] and chance.random() < 0.9:
                clients.append((writer, data[size:]))
            elif chance.random() < 0.5:
                writer.transport.abort()
            else:
                writer.close()
        await wait_until(lambda: not server.manager.connections and not memory.held)


@pytest.mark.parametrize("end", ["complete", "disconnect", "cancel"])
async def test_asgi_bodies_are_bounded_too(probe: TestPlatform, end: str) -> None:
    memory = probe.platform.gateway.body_memory
    memory.limit = 100_000
    parts = iter([b"x" * 60_000] * (2 if end == "complete" else 1))
    status: list[int] = []

    async def receive() -> Any:
        part = next(parts, None)
        if part is not None:
            return {"type": "http.request", "body": part, "more_body": True}
        assert memory.held == 60_000
        if end == "cancel":
            raise asyncio.CancelledError
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        status.append(message.get("status", 0))

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/echo",
        "headers": [
            (b"host", b"a"),
            (b"x-api-key", probe.key(scopes=["probe:write"]).encode()),
        ],
    }
    with suppress(asyncio.CancelledError):
        await probe.platform.asgi(scope, receive, send)
    assert status[:1] == {"complete": [503], "disconnect": [400], "cancel": []}[end]
    assert memory.held == 0

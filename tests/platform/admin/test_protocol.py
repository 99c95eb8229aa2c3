"""Connections without a complete request head are closed; running requests are not."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import pytest
import uvicorn

from neurova_platform.admin import protocol as admin_protocol
from neurova_platform.admin.protocol import AdminProtocol


async def respond(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def respond_late(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.3)  # longer than the head timeout
    await respond(scope, receive, send)


async def exchange(app: Any, *pieces: bytes) -> bytes:
    """Send pieces; return everything received until the server closes the connection."""
    config = uvicorn.Config(app, http=AdminProtocol, lifespan="off", ws="none", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup([listener])
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.02)  # deliver each piece separately
        received = b""
        # On a busy machine a late piece may hit the closed connection: that is a refusal, too.
        with suppress(ConnectionResetError):
            async with asyncio.timeout(60):
                while octets := await reader.read(4096):
                    received += octets
        writer.close()
        await server.shutdown([listener])
        return received


@pytest.fixture(autouse=True)
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_protocol, "HEAD_TIMEOUT", 0.2)


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"G",),
        (b"GET / HTTP/1.1\r\n", b"Host: a\r\n", b"X"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HT"),
    ],
)
async def test_incomplete_head_closes_the_connection(pieces: tuple[bytes, ...]) -> None:
    received = await exchange(respond, *pieces)
    assert received.count(b"HTTP/1.1 204") == sum(b"\r\n\r\n" in piece for piece in pieces)


async def test_request_may_take_longer_than_its_head() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert (await exchange(respond_late, head)).startswith(b"HTTP/1.1 204")

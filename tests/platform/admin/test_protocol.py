"""Connections that say nothing, or half a head, are cut; those that ask are served."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import pytest
import uvicorn

from neurova_platform.admin import protocol as admin_protocol
from neurova_platform.admin.protocol import AdminProtocol


async def answering(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def waiting(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.3)  # longer than a head may take
    await answering(scope, receive, send)


def talk(app: Any, *pieces: bytes) -> bytes:
    """Send pieces a moment apart; return all that comes until the connection is closed."""

    async def run() -> bytes:
        config = uvicorn.Config(app, http=AdminProtocol, lifespan="off", ws="none", log_config=None)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            await server.startup([listener])
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.02)
            found = b""
            # A piece that came too late for a busy machine was not read: that is a cut, too.
            with suppress(ConnectionResetError):
                async with asyncio.timeout(60):
                    while octets := await reader.read(4096):
                        found += octets
            writer.close()
            await server.shutdown([listener])
            return found

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_protocol, "HEAD_SECONDS", 0.2)


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"G",),
        (b"GET / HTTP/1.1\r\n", b"Host: a\r\n", b"X"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HT"),
    ],
)
def test_who_says_no_whole_head_is_cut(pieces: tuple[bytes, ...]) -> None:
    assert talk(answering, *pieces).count(b"HTTP/1.1 204") == sum(b"\r\n\r\n" in p for p in pieces)


def test_a_request_may_take_longer_than_its_head() -> None:
    ask = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert talk(waiting, ask).startswith(b"HTTP/1.1 204")

"""A crowd asks for streams and leaves whenever it likes: nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurova_platform.testing.platform import TestPlatform

from ..conftest import Door

CROWDS = 30 if os.environ.get("NEUROVA_TEST_LONG") else 4
CROWD = 50

FILES = {
    "waits": """
import asyncio
from neurova import get


@get("/waits", public=True)
async def waits(items: int = 30, pause: float = 0.0):
    for item in range(items):
        yield {"item": item}
        await asyncio.sleep(pause)
""",
    "threaded": """
from neurova import get


@get("/threaded", public=True)
def threaded(items: int = 30):
    for item in range(items):
        yield f"item {item}\\n" * 100
""",
    "whole": """
from neurova import get


@get("/whole", public=True, cache="60s")
async def whole() -> list[int]:
    return list(range(3000))
""",
    "app": """
import asyncio
from neurova import mount
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route


async def streamed(request):
    async def items():
        for item in range(30):
            yield f"{item}\\n" * 50
            await asyncio.sleep(0.001)

    return StreamingResponse(items())


async def plain(request):
    await asyncio.sleep(0.002)
    return PlainTextResponse("x" * 3000)


routes = [Route("/streamed", streamed), Route("/plain", plain)]
app = mount("/app", Starlette(routes=routes), public=True)
""",
}
PATHS = ("/waits", "/waits?pause=0.001", "/waits?items=0", "/threaded", "/threaded?items=1",
         "/whole", "/app/streamed", "/app/plain")  # fmt: skip


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    service = tmp_path / "project" / "functions" / "crowd"
    service.mkdir(parents=True)
    for name, source in FILES.items():
        (service / f"{name}.py").write_text(source)
    (tmp_path / "project" / "neurova.toml").write_text("")
    (tmp_path / "databases").mkdir()
    with TestPlatform(tmp_path / "project", tmp_path / "state", tmp_path / "databases") as running:
        opened = Door(running)
        opened.open()
        yield opened
        opened.close()


def asked(chance: random.Random) -> tuple[bytes, int]:
    """Return some pipelined calls, and how many they are."""
    many = chance.randint(1, 4)
    calls = [
        f"{chance.choice(['GET', 'GET', 'HEAD'])} {chance.choice(PATHS)} HTTP/1.1\r\nHost: a\r\n"
        f"Accept-Encoding: gzip\r\nConnection: {'close' if last == 1 else 'keep-alive'}\r\n\r\n"
        for last in range(many, 0, -1)
    ]
    return "".join(calls).encode(), many


async def ask(port: int, chance: random.Random, seen: Counter[str]) -> None:
    """Ask, and stay to the end or leave in one of four ways, some time later."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    octets, many = asked(chance)
    writer.write(octets)
    way = chance.choice(["stay", "stay", "abort", "close", "eof", "some"])
    try:
        if way == "stay":
            answer = await reader.read()
            way = "answered" if answer.count(b"HTTP/1.1 200 OK\r\n") == many else "cut"
        elif way == "some":
            await reader.read(chance.randint(1, 5000))
        else:
            await asyncio.sleep(chance.random() / 100)
        if way == "abort":
            writer.transport.abort()
        elif way == "eof":
            writer.write_eof()
            await reader.read()
    except ConnectionError:
        pass
    seen[way] += 1
    writer.close()


def test_who_stays_is_answered_and_nothing_of_the_others_stays(door: Door) -> None:
    chance, seen = random.Random(5), Counter[str]()
    platform = door.platform.platform
    gates = [function.concurrency for function in platform.functions()]  # type: ignore[attr-defined]

    def busy() -> bool:
        places = any(gate.running or gate.waiting for gate in gates)
        connections = platform.connection_manager.connections
        return bool(places or connections or door.server.server_state.tasks)

    async def crowds() -> None:
        for _ in range(CROWDS):
            await asyncio.gather(*[ask(door.port, chance, seen) for _ in range(CROWD)])
        async with asyncio.timeout(60):
            while busy():
                await asyncio.sleep(0)

    door.run(crowds())
    assert seen["answered"]
    assert not seen["cut"]
    assert {record.status for record in door.platform.records()} == {200, 499}

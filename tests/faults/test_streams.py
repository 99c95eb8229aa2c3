"""Clients that disconnect at any point of a stream leak no resources."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

from ..conftest import HttpServer, http_server

ROUNDS = 30 if os.environ.get("NEUROVA_TEST_LONG") else 4
CLIENTS = 50
PROJECT = Path(__file__).with_name("streams")

PATHS = ("/waits", "/waits?pause=0.001", "/waits?items=0", "/threaded", "/threaded?items=1",
         "/whole", "/app/streamed", "/app/plain")  # fmt: skip


def pipelined(chance: random.Random) -> tuple[bytes, int]:
    """Return one to four pipelined requests, and their number."""
    count = chance.randint(1, 4)
    calls = [
        f"{chance.choice(['GET', 'GET', 'HEAD'])} {chance.choice(PATHS)} HTTP/1.1\r\nHost: a\r\n"
        f"Accept-Encoding: gzip\r\nConnection: {'close' if last == 1 else 'keep-alive'}\r\n\r\n"
        for last in range(count, 0, -1)
    ]
    return "".join(calls).encode(), count


async def run_client(server: HttpServer, chance: random.Random, ends: Counter[str]) -> None:
    """Send requests, then read to the end, or disconnect after a pause in one of four ways."""
    reader, writer = await server.connect()
    data, count = pipelined(chance)
    writer.write(data)
    end = chance.choice(["stay", "stay", "abort", "close", "eof", "some"])
    try:
        if end == "stay":
            response = await reader.read()
            end = "answered" if response.count(b"HTTP/1.1 200 OK\r\n") == count else "truncated"
        elif end == "some":
            await reader.read(chance.randint(1, 5000))
        else:
            await asyncio.sleep(chance.random() / 100)
        if end == "abort":
            writer.transport.abort()
        elif end == "eof":
            writer.write_eof()
            await reader.read()
    except ConnectionError:
        pass
    ends[end] += 1
    writer.close()


async def test_disconnects_leak_nothing(tmp_path: Path) -> None:
    chance, ends = random.Random(5), Counter[str]()
    async with http_server(PROJECT, tmp_path / "state") as server:
        functions = server.platform.platform.functions()
        limits = [function.concurrency for function in functions]

        def is_busy() -> bool:
            is_running = any(limit.running or limit.waiting for limit in limits)
            tasks = server.uvicorn.server_state.tasks
            return bool(is_running or server.manager.connections or tasks)

        for _ in range(ROUNDS):
            await asyncio.gather(*[run_client(server, chance, ends) for _ in range(CLIENTS)])
        async with asyncio.timeout(60):
            while is_busy():
                await asyncio.sleep(0)
        assert ends["answered"]
        assert not ends["truncated"]
        assert {record.status for record in server.platform.records()} == {200, 499}

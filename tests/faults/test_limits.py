"""Four workers share one limit over HTTP and never exceed it in any second.

A call was admitted between its request and its response, so calls that were both sent and
answered within one second were also admitted within it. tests/gateway/limits tests the table
itself, by times taken under its lock.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import pytest

from ..conftest import copy_probe
from ..serving import Serving, neurova, port_of, serving

pytestmark = pytest.mark.server

EDGES = 10 if os.environ.get("NEUROVA_TEST_LONG") else 2
WORKERS = 4
KEYS = 3
LIMIT = 100
BURST = 20  # calls that each client sends in one burst, as fast as it can
APART = (0.0, 0.9, 0.3)  # offset in seconds of each key's bursts from the start of a second


class Called(NamedTuple):
    """A call, timed by the client's clock."""

    sent: float
    answered: float
    status: int


class Workers:
    """The probe served by several workers, and the API keys of one consumer."""

    def __init__(self, run: Serving, keys: list[str]) -> None:
        self.run = run
        ready = run.event("ready")
        self.port = port_of(ready)
        self.pids: list[int] = ready["pids"]
        self.keys = keys


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    project = copy_probe(tmp_path / "project")
    words = ["keys", "create", "--consumer", "acme", "--consumer-limits", f"{LIMIT}/second"]
    keys = []
    for _ in range(KEYS):
        keys.append(json.loads(neurova(project, *words, "--json"))["key"])
    with serving(project, "run", "--workers", str(WORKERS)) as run:
        yield Workers(run, keys)


async def client(port: int, key: str, start: float, after: float) -> list[Called]:
    """Send one burst a second on one connection, until its worker is killed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    octets = f"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key: {key}\r\n\r\n".encode()
    calls: list[Called] = []
    try:
        for edge in range(EDGES):
            await asyncio.sleep(start + edge + after - monotonic())  # wait until the next burst
            for _ in range(BURST):
                sent = monotonic()
                writer.write(octets)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                calls.append(Called(sent, monotonic(), int(head[9:12])))
                assert calls[-1].status == 200 or b"retry-after: " in head
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()
    return calls


async def bursts(workers: Workers, killed: int) -> list[list[Called]]:
    """Call with each key from four clients; kill a worker half-way."""
    start = monotonic() + 0.2
    asked = [
        client(workers.port, key, start, APART[number])
        for _ in range(WORKERS)
        for number, key in enumerate(workers.keys)
    ]

    async def kill() -> None:
        await asyncio.sleep(start + EDGES / 2 - monotonic())
        os.kill(killed, signal.SIGKILL)

    *calls, _ = await asyncio.gather(*asked, kill())
    return calls


def test_workers_share_one_limit(workers: Workers) -> None:
    """Send bursts with three keys of one consumer, while one worker is killed with -9."""
    found = asyncio.run(bursts(workers, workers.pids[-1]))
    calls = sorted(call for each in found for call in each)
    assert {call.status for call in calls} == {200, 429}
    admitted = [call for call in calls if call.status == 200]
    for number, first in enumerate(admitted):
        within = [c for c in admitted[number:] if c.answered - first.sent <= 1]
        assert len(within) <= LIMIT
    assert workers.run.end()[0] == 0

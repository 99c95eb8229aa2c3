"""A child's heartbeats come from its event loop; it obeys commands and ends with its supervisor."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest

from neurova_platform.supervise.channel import DRAIN, FORCE_STOP, WorkerChannel

STUCK = 0.04


class RecordingServer:
    """A server that records the commands it receives."""

    def __init__(self, *, is_busy: bool = False) -> None:
        self.commands: asyncio.Queue[str] = asyncio.Queue()
        self._is_busy = is_busy
        self._completed = 0

    def drain(self) -> None:
        self.commands.put_nowait("drain")

    def stop(self) -> None:
        self.commands.put_nowait("stop")

    def force_stop(self) -> None:
        self.commands.put_nowait("force_stop")

    def count_completed(self) -> int:
        self._completed += self._is_busy
        return self._completed


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, WorkerChannel]]:
    """Yield the supervisor's socket and the child's channel."""
    ours, theirs = socket.socketpair()
    read, write = Pipe(duplex=False)
    assert isinstance(write, Connection)
    with ours, theirs, read, write:
        yield ours, WorkerChannel(theirs, write)


def test_supervisor_that_does_not_read_blocks_no_child(
    ends: tuple[socket.socket, WorkerChannel],
) -> None:
    ours, channel = ends
    for _ in range(10_000):
        channel.report_draining()  # lost when the buffer is full
    received = ours.recv(1 << 20).splitlines()
    assert 0 < len(received) < 10_000
    assert {json.loads(each)["draining"] for each in received} == {True}


async def test_server_follows_commands_and_eof(ends: tuple[socket.socket, WorkerChannel]) -> None:
    ours, channel = ends
    server = RecordingServer()
    channel.attach(server, STUCK)
    heartbeats = b""
    while len(heartbeats) < 3:
        heartbeats += await asyncio.to_thread(ours.recv, 1)
    assert set(heartbeats) == set(b"\n")
    ours.send(DRAIN)
    assert await server.commands.get() == "drain"
    ours.send(FORCE_STOP)
    assert await server.commands.get() == "force_stop"
    ours.close()
    assert await server.commands.get() == "stop"


@pytest.mark.parametrize("is_busy", [True, False])
async def test_blocked_loop_sends_heartbeats_only_while_calls_complete(
    ends: tuple[socket.socket, WorkerChannel], is_busy: bool
) -> None:
    ours, channel = ends
    channel.attach(RecordingServer(is_busy=is_busy), STUCK)
    assert ours.recv(1) == b"\n"  # sent by `attach`; the loop is blocked from here on
    ours.settimeout(60 if is_busy else 0.3)
    if is_busy:
        assert ours.recv(1) == b"\n"
    else:
        with pytest.raises(TimeoutError):
            ours.recv(1)


@pytest.mark.parametrize("cause", ["drain", "force stop", "eof", "SIGTERM"])
async def test_wait_for_stop_returns(ends: tuple[socket.socket, WorkerChannel], cause: str) -> None:
    ours, channel = ends
    waiting = asyncio.create_task(channel.wait_for_stop(STUCK, relayed=0))
    received = b""
    while b'{"ready": {"relayed": 0}}' not in received:
        received += await asyncio.to_thread(ours.recv, 4096)
    if cause == "SIGTERM":
        os.kill(os.getpid(), signal.SIGTERM)
    elif cause == "eof":
        ours.close()
    else:
        ours.send(DRAIN if cause == "drain" else FORCE_STOP)
    async with asyncio.timeout(60):
        await waiting

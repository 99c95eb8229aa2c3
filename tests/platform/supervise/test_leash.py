"""A child's end of the line: beats come from its loop, and it ends with its supervisor."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest

from neurova.errors import ConfigError
from neurova_platform.supervise.leash import DRAIN, HURRY, Leash


class Led:
    """What is led: it notes what it is told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()

    def drain(self) -> None:
        self.told.put_nowait("drain")

    def stop(self) -> None:
        self.told.put_nowait("stop")

    def hurry(self) -> None:
        self.told.put_nowait("hurry")

    def progress(self) -> int:
        return 0


class Busy(Led):
    """One that answers calls all the time."""

    calls = 0

    def progress(self) -> int:
        self.calls += 1
        return self.calls


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, Leash]]:
    ours, theirs = socket.socketpair()
    read, write = Pipe(duplex=False)
    assert isinstance(write, Connection)
    with ours, theirs, read, write:
        yield ours, Leash(theirs, write)


def test_what_is_said_is_a_line_of_json(line: tuple[socket.socket, Leash]) -> None:
    ours, leash = line
    leash.ready(seat=3)
    leash.failed(ConfigError("mend\nthis"))
    leash.leaving()
    said = [json.loads(each) for each in ours.recv(4096).splitlines()]
    assert said == [
        {"ready": {"seat": 3}},
        {"failed": "ConfigError", "message": "mend\nthis"},
        {"leaving": True},
    ]


def test_a_supervisor_that_hears_nothing_keeps_nobody_from_leaving(
    line: tuple[socket.socket, Leash],
) -> None:
    ours, leash = line
    for _ in range(10_000):
        leash.leaving()  # as often as there is room, and then in vain
    said = ours.recv(1 << 20).splitlines()
    assert 0 < len(said) < 10_000
    assert {json.loads(each)["leaving"] for each in said} == {True}


def test_it_beats_is_led_and_ends_when_the_line_does(line: tuple[socket.socket, Leash]) -> None:
    ours, leash = line

    async def held() -> None:
        led = Led()
        leash.hold(led, 0.04)
        await asyncio.sleep(0)
        beats = b""
        while len(beats) < 3:
            beats += await asyncio.to_thread(ours.recv, 1)
        assert set(beats) == set(b"\n")
        ours.send(DRAIN)
        assert await led.told.get() == "drain"
        ours.send(HURRY)
        assert await led.told.get() == "hurry"
        ours.close()
        assert await led.told.get() == "stop"

    asyncio.run(held())


@pytest.mark.parametrize(("led", "beats"), [(Busy, True), (Led, False)])
def test_a_loop_that_does_not_turn_beats_only_while_calls_are_answered(
    line: tuple[socket.socket, Leash], led: type[Led], beats: bool
) -> None:
    ours, leash = line

    async def held() -> None:
        leash.hold(led(), 0.04)
        assert ours.recv(1) == b"\n"  # that of the start; from here on the loop does not turn
        ours.settimeout(60 if beats else 0.3)
        if beats:
            assert ours.recv(1) == b"\n"
        else:
            with pytest.raises(TimeoutError):
                ours.recv(1)

    asyncio.run(held())


def test_a_supervisor_that_does_not_read_stops_nobody(line: tuple[socket.socket, Leash]) -> None:
    _, leash = line

    async def held() -> None:
        for _ in range(10_000):
            leash._beat()

    asyncio.run(held())

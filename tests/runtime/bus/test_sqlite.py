"""The embedded bus under clock jumps, a full disk and crashed processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contracts.buses import MAIL, consume, deadline, declare, message, publish

from neurova.bus.sqlite.bus import SqliteBus
from neurova.errors import StateError


class Clock:
    now = 10_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[SqliteBus]:
    bus = SqliteBus(tmp_path / "bus.db", Clock())
    await bus.start()
    await declare(bus)
    yield bus
    await bus.close()


@pytest.mark.parametrize(
    ("delay", "jump", "arrives"),
    [
        pytest.param(60, 61, True, id="forward"),
        pytest.param(60, 59, False, id="not yet due"),
        pytest.param(60, -7200, True, id="set back by hours"),
        pytest.param(1e9, 3601, True, id="longer than the maximum"),
    ],
)
async def test_clock_that_jumps_delays_no_retry_for_long(
    bus: SqliteBus, delay: float, jump: float, arrives: bool
) -> None:
    await publish(bus, ["1"])
    inbox = await consume(bus)
    await bus.retry((await inbox.take())[0], delay, "no")
    assert isinstance(bus.clock, Clock)
    bus.clock.now += jump
    await publish(bus, ["2"])  # wakes the consumer
    taken = await inbox.take(2 if arrives else 1)
    assert {each.message.id for each in taken} == ({"1", "2"} if arrives else {"2"})


async def test_full_disk_refuses_and_loses_nothing(bus: SqliteBus) -> None:
    await publish(bus, ["1"])

    def limit(connection: object, pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    await bus.writer.write(limit, 1)
    large = message("2", body=bytes(100_000))
    with pytest.raises(StateError, match="disk is full"):
        await bus.publish([large], deadline())
    await bus.writer.write(limit, 1 << 30)
    await bus.publish([large], deadline())
    assert (await bus.depth(MAIL.name)).ready == 2


DYING = """
import asyncio, os, sys
from pathlib import Path
from neurova.bus.sqlite.bus import SqliteBus

async def main():
    bus = SqliteBus(Path(sys.argv[1]))
    await bus.start()
    received = asyncio.Event()
    await bus.consume("crm.mail", 10, lambda delivery: received.set())
    await received.wait()
    os._exit(9)

asyncio.run(main())
"""


@pytest.mark.server
async def test_messages_of_a_dead_process_are_delivered_again(bus: SqliteBus) -> None:
    await publish(bus, ["1"])
    command = [sys.executable, "-c", DYING, str(bus.path)]
    died = await asyncio.to_thread(subprocess.run, command, timeout=60)
    assert died.returncode == 9
    (delivery,) = await (await consume(bus)).take()
    assert (delivery.message.id, delivery.attempt) == ("1", 2)

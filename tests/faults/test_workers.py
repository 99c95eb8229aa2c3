"""Under load, restarts cost no request, and a worker that is killed costs its own calls only.

The long form is run by `make faults`, which also measures seconds.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..load import load
from ..serving import Serving, port_of, serving

pytestmark = pytest.mark.server

LONG = bool(os.environ.get("NEUROVA_TEST_FAULTS"))
RESTARTS, REQUESTS = (24, 100_000) if LONG else (3, 5_000)
KILLS = 6  # three in each place, which are replaced at once
BACK = 1.0  # seconds within which a killed worker is replaced
# On a machine that others keep busy, calls may be refused for that: no restart's fault.
PATIENT = "" if LONG else "[runtime]\ndelay = 60\n"
PID = '''"""Say who answers."""

import asyncio
import os

from neurova import get


@get("/pid", public=True)
async def pid() -> str:
    await asyncio.sleep(0.001)
    return str(os.getpid())
'''


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Serving]:
    service = tmp_path / "functions" / "probe"
    service.mkdir(parents=True)
    (service / "pid.py").write_text(PID)
    (tmp_path / "neurova.toml").write_text(PATIENT)
    with serving(tmp_path, "run", "--workers", "2") as started:
        yield started


def test_restarts_under_load_fail_no_request(run: Serving, tmp_path: Path) -> None:
    """On kept connections, busy and idling, and on fresh ones; each has its access record."""
    port = port_of(run.event("ready"))

    async def restarts() -> int:
        async with load(port, "/pid", clients=24) as counted:
            for number in range(1, RESTARTS + 1):
                run.process.send_signal(signal.SIGHUP)
                event = await asyncio.to_thread(run.event, "restarted")
                new = set(map(str, event["pids"]))
                while counted.total < REQUESTS * number / RESTARTS or new - set(counted.answered):
                    await asyncio.sleep(0.01)
        print(
            f"{RESTARTS} restarts: {counted.sent} requests, {len(counted.failed)} failed, "
            f"{counted.closed} connections ended by `Connection: close`, "
            f"{counted.reopened} closed while they idled, {len(counted.answered)} workers"
        )
        assert counted.failed == []
        assert counted.sent == counted.total >= REQUESTS
        assert counted.reopened == 0
        assert counted.closed > RESTARTS
        assert len(counted.answered) == 2 * (RESTARTS + 1)
        return counted.total

    answered = asyncio.run(restarts())
    assert run.end() == (0, "")
    assert recorded(tmp_path) == answered


def recorded(project: Path) -> int:
    """Return how many calls the access log has a line for."""
    files = (project / ".neurova" / "logs").glob("access*.jsonl")
    return sum(len(file.read_text().splitlines()) for file in files)


def test_a_worker_that_is_killed_costs_its_calls_in_flight_only(run: Serving) -> None:
    ready = run.event("ready")
    pids: list[int] = ready["pids"]
    clients, seconds = 24, []

    async def replaced(pid: int) -> int:
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        while True:
            event = await asyncio.to_thread(run.event, "worker")
            if event["what"] == "started":
                seconds.append(time.monotonic() - killed)
                return int(event["pid"])

    async def kills() -> None:
        async with load(port_of(ready), "/pid", clients=clients) as counted:
            for number in range(KILLS):
                victim, before = pids[number % 2], len(counted.failed)
                pids[number % 2] = await replaced(victim)
                answered = counted.total
                while counted.total < answered + 500:
                    await asyncio.sleep(0.01)
                failed = counted.failed[before:]
                # A kept connection was that worker's; a fresh one was told nobody's name yet.
                assert {each.by for each in failed} <= {"", str(victim)}
                assert len(failed) <= clients
        assert counted.sent == counted.total + len(counted.failed)
        print(
            f"{KILLS} kills: {counted.sent} requests, {len(counted.failed)} failed, "
            f"back in {min(seconds):.2f} to {max(seconds):.2f} s"
        )

    asyncio.run(kills())
    if LONG:
        assert max(seconds) <= BACK
    assert run.end()[0] == 0

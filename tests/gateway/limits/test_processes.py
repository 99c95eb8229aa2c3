"""Several processes share one table."""

import os
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import pytest

from neurova.errors import Unavailable
from neurova_gateway.limits import table_file
from neurova_gateway.limits.base import Bucket
from neurova_gateway.limits.table import LimitTable

SECOND = 1_000_000_000
HAMMER = Path(__file__).with_name("hammer.py")
EDGES = 10
ARRIVAL = SECOND // 20
LIMITS = {"acme": 100, "0": 90, "1": 90, "2": 90}


def calls(log: Path) -> list[tuple[int, bool]]:
    data = log.read_bytes()
    return list(struct.iter_unpack("<q?", data[: len(data) // 9 * 9]))


def exact(arrivals: list[tuple[int, str]]) -> int:
    """Return how many of the arrivals (time, key) exact sliding logs admit."""
    logs = {name: deque[int]() for name in LIMITS}
    admitted = 0
    for now, key in arrivals:
        asked = [(logs[name], LIMITS[name]) for name in ("acme", key)]
        for log, _ in asked:
            while log and now - log[0] > SECOND:
                log.popleft()
        if all(len(log) < limit for log, limit in asked):
            admitted += 1
            for log, _ in asked:
                log.append(now)
    return admitted


@pytest.mark.server
@pytest.mark.parametrize("backend", ["table", "redis"])
def test_four_processes_admit_the_limit_though_one_is_killed(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
):
    """A consumer with three keys sends bursts against 100/second for 10 s."""
    is_table = backend == "table"
    table = tmp_path / "limits.table" if is_table else request.getfixturevalue("redis_url")
    # Redis orders calls by their arrival, a little after the logged times.
    window = SECOND if is_table else SECOND - ARRIVAL
    start = time.monotonic_ns() + SECOND
    logs = [tmp_path / f"{i}.log" for i in range(4)]
    processes = [
        subprocess.Popen(
            [sys.executable, HAMMER, table, log, str(start), str(EDGES), str(i % 3)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for i, log in enumerate(logs)
    ]
    try:
        victim = processes[3]
        assert victim.stdout is not None
        for line in victim.stdout:
            if int(line) == EDGES // 2:
                break
        victim.kill()  # in the middle of its burst
        codes = [process.wait(timeout=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    assert codes == [0, 0, 0, -9]
    arrivals = sorted(
        (now, str(i % 3), admitted) for i, log in enumerate(logs) for now, admitted in calls(log)
    )
    taken = [now for now, _, admitted in arrivals if admitted]
    assert len(arrivals) > 3 * EDGES * 250
    for first, last in zip(taken, taken[100:], strict=False):
        assert last - first > window
    assert len(taken) >= 0.95 * exact([(now, key) for now, key, _ in arrivals])


@pytest.mark.server
def test_repeated_kills_never_admit_more(tmp_path: Path):
    path = tmp_path / "limits.table"
    logs = []
    for i in range(12):
        logs.append(tmp_path / f"{i}.log")
        process = subprocess.Popen(
            [sys.executable, HAMMER, path, logs[-1], "0", "1000", str(i % 3)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        while logs[-1].stat().st_size < 9 * 20 * (i + 1):
            pass
        process.kill()
        process.wait()
        process.stdout.close()
    taken = sorted(now for log in logs for now, admitted in calls(log) if admitted)
    assert len(taken) >= 100 - 12  # each kill may lose one call between decision and log
    for first, last in zip(taken, taken[100:], strict=False):
        assert last - first > SECOND
    table = LimitTable(path)
    try:
        assert table.admit((Bucket("other", 1, 1),)).admitted
    finally:
        table.close()


@pytest.mark.server
def test_forked_child_has_its_own_lock(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(table_file, "LOCK_SECONDS", 0.05)
    table = LimitTable(tmp_path / "limits.table")
    bucket = (Bucket("c:acme", 1, 60),)
    table.file.lock()  # the parent is taking a decision
    child = os.fork()
    if not child:
        try:
            table.admit(bucket)
        except Unavailable:
            os._exit(7)  # waited for the parent's lock
        os._exit(1)
    _, status = os.waitpid(child, 0)
    table.close()
    assert os.waitstatus_to_exitcode(status) == 7

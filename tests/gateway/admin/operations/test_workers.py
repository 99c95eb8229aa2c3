"""/v1/workers: the state of each worker and of its process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.gateway.metrics.test_call_counters import sample

from neurova_gateway.admin.operations.workers import list_running, open_files, resident_bytes
from neurova_gateway.metrics.call_counters import CallCounters
from neurova_gateway.metrics.totals import FRESH, read_totals
from neurova_platform.testing.platform import TestPlatform


def test_worker_without_recent_sample_is_silent(tmp_path: Path) -> None:
    counters = CallCounters(tmp_path)
    counters.open()
    sample(counters)
    now = time.time()
    assert [each.status for each in list_running(read_totals(tmp_path), now)] == ["serving"]
    assert [each.status for each in list_running(read_totals(tmp_path), now + FRESH + 1)] == [
        "silent"
    ]
    counters.close()
    assert list_running(read_totals(tmp_path), now) == []


def test_worker_shows_its_process(running: TestPlatform) -> None:
    [worker] = running.admin("GET", "/v1/workers").json()["items"]
    assert worker["status"] == "serving"
    assert worker["pid"] == os.getpid()
    assert worker["open_files"] is None or worker["open_files"] > 3


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc of Linux")
def test_memory_and_open_files_are_those_of_the_process(tmp_path: Path) -> None:
    me = os.getpid()
    resident, opened = resident_bytes(me), open_files(me)
    assert resident is not None
    assert opened is not None
    with (tmp_path / "a").open("w"), (tmp_path / "b").open("w"):
        assert open_files(me) == opened + 2
    memory = bytearray(os.urandom(1 << 20) * 64)
    assert (resident_bytes(me) or 0) - resident > len(memory) // 2
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    assert (resident_bytes(ended.pid), open_files(ended.pid)) == (None, None)

"""What goes on is summed up: since counting began, and lately."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.gateway.metrics.test_call_counters import record, sample

from neurova_gateway.admin.operations.live import summed, working
from neurova_gateway.metrics.call_counters import CallCounters
from neurova_gateway.metrics.totals import FRESH, read_totals
from neurova_platform.testing.platform import TestPlatform


def test_sums_are_by_class_and_lately_by_second(tmp_path: Path) -> None:
    counting = CallCounters(tmp_path)
    counting.open()
    counting.write([record(time=1000, status=status) for status in (200, 200, 404, 429, 503)])
    counting.write([record(time=950, ms=20.0)] * 5)
    sample(counting, 4, 1, **{"neurova-auth": 2})
    live = summed(read_totals(tmp_path), 1001.5)
    assert (live.calls, live.by_class) == (10, {"2xx": 7, "4xx": 2, "5xx": 1})
    assert (live.limited, live.unavailable, live.shed, live.dropped) == (1, 1, 1, 4)
    assert live.plugin_faults == {"neurova-auth": 2}
    one, ten, sixty = live.last
    assert (one.calls, ten.calls, sixty.calls) == (5, 5, 10)
    assert (ten.rate, sixty.by_class) == (0.5, {"2xx": 7, "4xx": 2, "5xx": 1})
    assert one.latency.p99 is not None
    assert 0.0005 < one.latency.p99 <= 0.001
    assert sixty.latency.p99 is not None
    assert 0.01 < sixty.latency.p99 <= 0.025
    assert summed(read_totals(tmp_path), 9999.0).last[2].latency.p50 is None
    counting.close()


def test_a_worker_that_notes_nothing_is_silent(tmp_path: Path) -> None:
    counting = CallCounters(tmp_path)
    counting.open()
    sample(counting)
    now = time.time()
    assert [each.status for each in working(read_totals(tmp_path), now)] == ["serving"]
    assert [each.status for each in working(read_totals(tmp_path), now + FRESH + 1)] == ["silent"]
    counting.close()
    assert working(read_totals(tmp_path), now) == []


def test_each_route_has_its_own_sums_and_what_has_none_is_one(running: TestPlatform) -> None:
    running.get("/items/1", scopes=[])
    running.get("/items/2", scopes=[])
    running.get("/items/3")
    for number in range(3):
        running.get(f"/nowhere{number}")
    items = running.admin("GET", "/v1/live/routes").json()["items"]
    by_route = {each["route"]: each for each in items}
    assert by_route["probe.item"]["by_status"] == {"200": 2, "401": 1}
    assert by_route["unmatched"]["by_status"] == {"404": 3}
    assert by_route["unmatched"]["latency"]["p99"] > 0
    assert list(by_route) == sorted(by_route)
    assert running.admin("GET", "/v1/live").json()["calls"] == 6
    [worker] = running.admin("GET", "/v1/workers").json()["items"]
    assert worker["status"] == "serving"
    assert worker["pid"] == os.getpid()
    assert worker["open_files"] is None or worker["open_files"] > 3

"""/v1/live: sums since the first count, and over the last seconds."""

from __future__ import annotations

from pathlib import Path

from tests.gateway.metrics.test_call_counters import record, sample

from neurova_gateway.admin.operations.live import summarize
from neurova_gateway.metrics.call_counters import CallCounters
from neurova_gateway.metrics.totals import read_totals
from neurova_platform.testing.platform import TestPlatform


def test_sums_by_class_and_by_span(tmp_path: Path) -> None:
    counters = CallCounters(tmp_path)
    counters.open()
    counters.write([record(time=1000, status=status) for status in (200, 200, 404, 429, 503)])
    counters.write([record(time=950, ms=20.0)] * 5)
    sample(counters, 4, 1, **{"neurova-auth": 2})
    live = summarize(read_totals(tmp_path), 1001.5)
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
    assert summarize(read_totals(tmp_path), 9999.0).last[2].latency.p50 is None
    counters.close()


def test_routes_have_own_sums_and_unmatched_calls_share_one(running: TestPlatform) -> None:
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

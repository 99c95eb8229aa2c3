"""Totals sum all counter files and never decrease; quantiles lie in the right bucket."""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path
from random import Random

from tests.gateway.metrics.test_call_counters import record

from neurova_gateway.metrics.call_counters import CallCounters
from neurova_gateway.metrics.counter_layout import BOUNDS, BUCKETS
from neurova_gateway.metrics.totals import quantile, read_totals


def opened(folder: Path) -> CallCounters:
    counters = CallCounters(folder)
    counters.open()
    return counters


def test_missing_folder_gives_zeros(tmp_path: Path) -> None:
    totals = read_totals(tmp_path / "missing")
    assert (totals.workers, totals.calls, totals.dropped, totals.in_flight) == ([], {}, 0, 0)


def test_rolling_restarts_lose_no_counts(tmp_path: Path) -> None:
    before = 0
    for round_ in range(1, 6):  # the new process starts before the old one ends
        old, new = opened(tmp_path), opened(tmp_path)
        old.write([record(time=1000)] * 3)
        new.write([record(time=1000)] * 4)
        both = read_totals(tmp_path)
        assert both.calls["a.b", "GET", 200] == 7 * round_ >= before
        assert both.last(1, 1001)[0] == [0, 7 * round_, 0, 0, 0]
        assert len(both.workers) == 2
        old.close()
        before = read_totals(tmp_path).calls["a.b", "GET", 200]
        assert before == 7 * round_
        new.close()
    assert len(list(tmp_path.iterdir())) == 2  # at most two processes ran at once


def test_quantile_lies_in_the_bucket_of_its_call() -> None:
    assert quantile(0.5, [0] * BUCKETS) is None
    assert quantile(0.5, [0] * (BUCKETS - 1) + [3]) == BOUNDS[-1]
    random = Random(5)
    for _ in range(200):
        calls = sorted(random.expovariate(20) for _ in range(random.randint(1, 300)))
        buckets = [0] * BUCKETS
        for seconds in calls:
            buckets[bisect_left(BOUNDS, seconds)] += 1
        for share in (0.5, 0.9, 0.99):
            wanted = calls[min(int(share * len(calls) + 0.999999), len(calls)) - 1]
            place = bisect_left(BOUNDS, wanted)
            low = BOUNDS[place - 1] if place else 0.0
            found = quantile(share, buckets)
            assert found is not None
            assert low <= found <= BOUNDS[min(place, len(BOUNDS) - 1)]

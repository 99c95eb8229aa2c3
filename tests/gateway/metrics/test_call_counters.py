"""Every call is counted once, by route, method, status and duration."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from neurova_gateway.metrics import counter_layout
from neurova_gateway.metrics.call_counters import CallCounters
from neurova_gateway.metrics.counter_layout import BOUNDS, BUCKETS
from neurova_gateway.metrics.totals import read_totals
from neurova_gateway.pipeline.call_records import CallRecord


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[CallCounters]:
    opened = CallCounters(tmp_path)
    opened.open()
    yield opened
    opened.close()


def record(
    route: str = "a.b",
    status: int = 200,
    ms: float = 1.0,
    time: float = 1000.0,
    method: str = "GET",
) -> CallRecord:
    return CallRecord(time, method, "/x", status, ms, 5, route, "acme", "k", "127.0.0.1", "0" * 32)


def sample(counters: CallCounters, dropped: int = 0, shed: int = 0, **faults: int) -> None:
    counters.sample(in_flight=0, connections=0, dropped=dropped, shed=shed, faults=faults)


def test_counts_equal_the_records(tmp_path: Path, counters: CallCounters) -> None:
    random = Random(7)
    records = [
        record(f"a.f{random.randint(0, 30)}", random.choice([200, 201, 404, 500]), random.random())
        for _ in range(5000)
    ]
    for begin in range(0, len(records), 97):
        counters.write(records[begin : begin + 97])
    totals = read_totals(tmp_path)
    assert totals.calls == Counter((each.route, each.method, each.status) for each in records)
    assert {route: sum(counts[:BUCKETS]) for route, counts in totals.times.items()} == Counter(
        each.route for each in records
    )


@pytest.mark.parametrize("bucket", range(BUCKETS))
def test_duration_at_bound_is_in_its_bucket(
    tmp_path: Path, counters: CallCounters, bucket: int
) -> None:
    seconds = BOUNDS[bucket] if bucket < len(BOUNDS) else BOUNDS[-1] + 1
    counters.write([record(ms=seconds * 1000)])
    counts = read_totals(tmp_path).times["a.b"]
    assert counts[:BUCKETS].index(1) == bucket
    assert counts[BUCKETS] == int(seconds * 1_000_000)


def test_unknown_methods_without_route_share_one_counter(
    tmp_path: Path, counters: CallCounters
) -> None:
    counters.write([record("", 404, method=f"M{number}") for number in range(100)])
    counters.write([record("a.b", 200, method="SEARCH")])
    assert read_totals(tmp_path).calls == {("", "OTHER", 404): 100, ("a.b", "SEARCH", 200): 1}


def test_ring_counts_by_second_of_end(tmp_path: Path, counters: CallCounters) -> None:
    counters.write(
        [record(time=1000.5, ms=1000), record(time=1001.2), record(time=1002, status=503)]
    )
    classes, buckets = read_totals(tmp_path).last(2, 1003.9)
    assert classes == [0, 2, 0, 0, 1]
    assert sum(buckets) == 3
    counters.write([record(time=1001 + counter_layout.SECONDS)])
    assert read_totals(tmp_path).last(1, 1002)[0] == [0] * 5  # a later second reused its slot
    counters.write([record(time=1001)])  # a late call, older than the ring
    assert read_totals(tmp_path).last(1, 1002 + counter_layout.SECONDS)[0] == [0, 1, 0, 0, 0]


def test_ring_survives_clock_set_back(tmp_path: Path, counters: CallCounters) -> None:
    counters.write([record(time=4600.0 + second) for second in range(64)])
    counters.write([record(time=1000.0 + second) for second in range(64)])
    assert sum(read_totals(tmp_path).last(60, 1063.5)[0]) == 60


def test_process_totals_add_up_over_restarts(tmp_path: Path) -> None:
    for _ in range(3):
        counters = CallCounters(tmp_path)
        counters.open()
        sample(counters, 2, 1, auth=1)
        sample(counters, 5, 3, auth=4)
        cpu = read_totals(tmp_path).cpu[0]
        counters.close()
    totals = read_totals(tmp_path)
    assert (totals.dropped, totals.shed) == (15, 9)
    assert totals.faults == {"auth": 12}
    assert totals.cpu[0] == cpu > 0


def test_gauges_end_with_the_process(tmp_path: Path, counters: CallCounters) -> None:
    counters.sample(in_flight=3, connections=9, dropped=0, shed=0, faults={})
    [worker] = read_totals(tmp_path).workers
    assert (worker.in_flight, worker.connections) == (3, 9)
    assert read_totals(tmp_path).in_flight == 3
    counters.close()
    counters.write([record()])  # ignored: the counters are closed
    assert read_totals(tmp_path).workers == []
    assert read_totals(tmp_path).calls == {}


def test_calls_beyond_file_size_count_as_lost(
    tmp_path: Path, counters: CallCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counter_layout, "MOST_BYTES", counter_layout.FIRST_BYTES)
    counters.write([record(f"a.f{number}") for number in range(1000)])
    totals = read_totals(tmp_path)
    assert totals.lost > 0
    assert sum(totals.calls.values()) + totals.lost == 1000


def test_two_threads_count_while_file_grows(tmp_path: Path, counters: CallCounters) -> None:

    def add_faults() -> None:
        for number in range(400):
            sample(counters, number, **{f"p{number}": 1})

    thread = threading.Thread(target=add_faults)
    thread.start()
    for number in range(400):
        counters.write([record(f"a.f{number}")])
    thread.join()
    totals = read_totals(tmp_path)
    assert sum(totals.calls.values()) == 400
    assert sum(totals.faults.values()) == 400

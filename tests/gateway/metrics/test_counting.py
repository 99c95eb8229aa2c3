"""Every call is counted once, by route, method, status and duration."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from neurova_gateway.metrics import layout
from neurova_gateway.metrics.counting import Counting
from neurova_gateway.metrics.layout import BOUNDS, BUCKETS
from neurova_gateway.metrics.totals import read
from neurova_gateway.metrics.worker_file import claim
from neurova_gateway.pipeline.access_log import Record


def record(
    route: str = "a.b",
    status: int = 200,
    ms: float = 1.0,
    time: float = 1000.0,
    method: str = "GET",
) -> Record:
    return Record(time, method, "/x", status, ms, 5, route, "acme", "k", "127.0.0.1", "0" * 32)


def still(counting: Counting, dropped: int = 0, shed: int = 0, **faults: int) -> None:
    counting.sample(in_flight=0, connections=0, dropped=dropped, shed=shed, faults=faults)


def test_counts_are_those_of_the_records(tmp_path: Path) -> None:
    counting, random = Counting(claim(tmp_path)), Random(7)
    records = [
        record(f"a.f{random.randint(0, 30)}", random.choice([200, 201, 404, 500]), random.random())
        for _ in range(5000)
    ]
    for begin in range(0, len(records), 97):
        counting.watch(records[begin : begin + 97])
    totals = read(tmp_path)
    assert totals.calls == Counter((each.route, each.method, each.status) for each in records)
    assert {route: sum(counts[:BUCKETS]) for route, counts in totals.times.items()} == Counter(
        each.route for each in records
    )
    counting.close()


@pytest.mark.parametrize("bucket", range(BUCKETS))
def test_a_duration_is_in_the_bucket_that_ends_with_it(tmp_path: Path, bucket: int) -> None:
    counting = Counting(claim(tmp_path))
    seconds = BOUNDS[bucket] if bucket < len(BOUNDS) else BOUNDS[-1] + 1
    counting.watch([record(ms=seconds * 1000)])
    counts = read(tmp_path).times["a.b"]
    assert counts[:BUCKETS].index(1) == bucket
    assert counts[BUCKETS] == int(seconds * 1_000_000)
    counting.close()


def test_methods_that_clients_make_up_are_one(tmp_path: Path) -> None:
    counting = Counting(claim(tmp_path))
    counting.watch([record("", 404, method=f"M{number}") for number in range(100)])
    counting.watch([record("a.b", 200, method="SEARCH")])
    assert read(tmp_path).calls == {("", "OTHER", 404): 100, ("a.b", "SEARCH", 200): 1}
    counting.close()


def test_seconds_are_those_in_which_calls_ended_and_a_minute_is_kept(tmp_path: Path) -> None:
    counting = Counting(claim(tmp_path))
    counting.watch(
        [record(time=1000.5, ms=1000), record(time=1001.2), record(time=1002, status=503)]
    )
    classes, buckets = read(tmp_path).last(2, 1003.9)
    assert classes == [0, 2, 0, 0, 1]
    assert sum(buckets) == 3
    counting.watch([record(time=1001 + layout.SECONDS)])
    assert read(tmp_path).last(1, 1002)[0] == [0] * 5  # its place is another second's now
    counting.watch([record(time=1001)])  # late: it must not take the place back
    assert read(tmp_path).last(1, 1002 + layout.SECONDS)[0] == [0, 1, 0, 0, 0]
    counting.close()


def test_seconds_are_counted_also_when_the_clock_is_set_back(tmp_path: Path) -> None:
    counting = Counting(claim(tmp_path))
    counting.watch([record(time=4600.0 + second) for second in range(64)])
    counting.watch([record(time=1000.0 + second) for second in range(64)])
    assert sum(read(tmp_path).last(60, 1063.5)[0]) == 60
    counting.close()


def test_what_a_process_says_of_itself_is_added_to_what_others_said_before(tmp_path: Path) -> None:
    for _ in range(3):
        counting = Counting(claim(tmp_path))
        still(counting, 2, 1, auth=1)
        still(counting, 5, 3, auth=4)
        cpu = read(tmp_path).cpu[0]
        counting.close()
    totals = read(tmp_path)
    assert (totals.dropped, totals.shed) == (15, 9)
    assert totals.faults == {"auth": 12}
    assert totals.cpu[0] == cpu > 0


def test_how_a_process_stands_is_told_while_it_lives(tmp_path: Path) -> None:
    counting = Counting(claim(tmp_path))
    counting.sample(in_flight=3, connections=9, dropped=0, shed=0, faults={})
    [worker] = read(tmp_path).workers
    assert (worker.in_flight, worker.connections) == (3, 9)
    assert read(tmp_path).in_flight == 3
    counting.close()
    assert read(tmp_path).workers == []


def test_a_call_without_a_place_is_counted_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MOST_BYTES", layout.FIRST_BYTES)
    counting = Counting(claim(tmp_path))
    counting.watch([record(f"a.f{number}") for number in range(1000)])
    totals = read(tmp_path)
    assert totals.lost > 0
    assert sum(totals.calls.values()) + totals.lost == 1000
    counting.close()


def test_after_the_end_nothing_is_counted_and_nothing_breaks(tmp_path: Path) -> None:
    counting = Counting(claim(tmp_path))
    counting.close()
    counting.close()
    counting.watch([record()])
    still(counting)
    assert read(tmp_path).calls == {}


def test_two_threads_may_count_while_the_file_grows(tmp_path: Path) -> None:
    counting = Counting(claim(tmp_path))

    def sample() -> None:
        for number in range(400):
            still(counting, number, **{f"p{number}": 1})

    thread = threading.Thread(target=sample)
    thread.start()
    for number in range(400):
        counting.watch([record(f"a.f{number}")])
    thread.join()
    totals = read(tmp_path)
    assert sum(totals.calls.values()) == 400
    assert sum(totals.faults.values()) == 400
    counting.close()

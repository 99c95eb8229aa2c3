"""The embedded store finds and lists traces, and limits their number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from neurova.traces.base import TraceFilter, TraceNotFound
from neurova.traces.span import INTERNAL, SERVER, Span
from neurova.traces.sqlite import SqliteTraces
from neurova.traces.waterfall import arrange

SECOND = 1_000_000_000


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[SqliteTraces]:
    found = SqliteTraces(tmp_path / "traces.db", keep=100.0, max_size=1 << 20, clock=clock)
    yield found
    found.close()


def root(start: int, ms: int = 5, function: str = "shop.f", error: str = "") -> Span:
    attributes = {"faas.name": function, "http.response.status_code": 200}
    end = start * SECOND + ms * 1_000_000
    return Span(start, 0, "GET /x", SERVER, start * SECOND, end, attributes, error)


def child(id: int, parent: int, start: int, name: str = "step") -> Span:
    return Span(id, parent, name, INTERNAL, start * SECOND, start * SECOND + 1, {})


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (TraceFilter(), [4, 3, 2, 1]),
        (TraceFilter(function="shop.g"), [3]),
        (TraceFilter(failed=True), [2]),
        (TraceFilter(min_ms=500), [4]),
        (TraceFilter(since=1_003.0), [4, 3]),
    ],
)
def test_list_selects_the_newest(
    store: SqliteTraces, clock: Clock, only: TraceFilter, expected: list[int]
) -> None:
    for number in range(1, 5):
        clock.now = 1_000.0 + number
        function = "shop.g" if number == 3 else "shop.f"
        ms, error = 900 if number == 4 else 5, "500" if number == 2 else ""
        store.export([(number, root(number, ms, function, error))])
        store.export([(1, child(100 + number, 1, 1))])  # later spans of the first trace
    found, position = store.list(only, 10)
    assert ([int(each.trace_id, 16) for each in found], position) == (expected, None)
    first, position = store.list(only, 1)
    rest, _ = store.list(only, 10, position)
    assert [int(each.trace_id, 16) for each in (*first, *rest)] == expected


def test_find_returns_spans_of_all_processes(store: SqliteTraces, tmp_path: Path) -> None:
    other = SqliteTraces(tmp_path / "traces.db", keep=100.0, max_size=1 << 20, clock=store._clock)
    store.export([(7, root(1)), (8, root(1))])
    other.export([(7, child(3, 1, 2))])
    other.close()
    assert [each.span_id for each in store.find(f"{7:032x}")] == [1, 3]
    with pytest.raises(TraceNotFound):
        store.find("7")


def test_old_spans_are_deleted(store: SqliteTraces, clock: Clock) -> None:
    store.export([(1, root(1))])
    clock.now += 200
    for _ in range(50):
        store.export([(2, root(2))])
    assert [int(each.trace_id, 16) for each in store.list(TraceFilter(), 10)[0]] == [2]


def test_file_stays_within_its_size(store: SqliteTraces, tmp_path: Path) -> None:
    span = Span(1, 0, "x" * 2_000, INTERNAL, 1, 2, {})
    for batch in range(300):
        store.export([(batch * 10 + number, span) for number in range(10)])
    assert (tmp_path / "traces.db").stat().st_size < 3 << 20
    assert 100 < store.count() < 1_500


def test_waterfall_nests_spans_and_keeps_those_without_a_stored_parent() -> None:
    spans = [
        child(4, 99, 5, "lost parent"),
        child(3, 2, 4),
        child(2, 1, 3),
        root(1),
        child(8, 9, 2, "cycle"),
        child(9, 8, 2, "cycle"),
    ]
    rows = [(row.span.span_id, row.depth, row.offset) for row in arrange(spans)]
    assert rows == [(1, 0, 0.0), (2, 1, 2_000.0), (3, 2, 3_000.0), (4, 0, 4_000.0)]
    assert arrange([]) == []

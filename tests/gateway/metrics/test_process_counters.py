"""Events and readings of all processes are merged; ended processes contribute sums only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from neurova.subscriptions.records import EventRecord, Outcome
from neurova.telemetry.readings import Reading
from neurova_gateway.metrics.call_counters import OTHERS, CallCounters
from neurova_gateway.metrics.counter_layout import BUCKETS, MAX_CONSUMERS
from neurova_gateway.metrics.process_counters import ProcessCounters
from neurova_gateway.metrics.totals import read_totals
from neurova_gateway.pipeline.call_records import CallRecord

Open = Callable[[str], ProcessCounters]


@pytest.fixture
def start(tmp_path: Path) -> Open:
    def start(role: str) -> ProcessCounters:
        counters = ProcessCounters(tmp_path, role)
        counters.open()
        return counters

    return start


def handled(outcome: Outcome = "handled", published: float = 90.0) -> EventRecord:
    return EventRecord(
        100.0, outcome, "shop.Sold", "id", "", "mail.send", 1, ms=3.0, published=published
    )


def test_events_of_two_processes_are_summed(tmp_path: Path, start: Open) -> None:
    first, second = start("events"), start("subscriptions")
    first.count_event(handled())
    second.count_event(handled())
    second.count_event(handled("dead"))
    second.count_event(EventRecord(1.0, "published", "shop.Sold", "id", ""))
    second.close()
    totals = read_totals(tmp_path)
    assert totals.events == {
        ("mail.send", "handled"): 2,
        ("mail.send", "dead"): 1,
        ("", "published"): 1,
    }
    assert sum(totals.event_times["mail.send"][:BUCKETS]) == 3
    assert totals.event_times["mail.send"][BUCKETS] == 9000
    first.close()


def test_readings_are_merged_as_their_metric_says(tmp_path: Path, start: Open) -> None:
    values = {"events": (5.0, 2.0), "relay": (7.0, 1.0)}
    opened = [start(role) for role in values]
    for counters, (failures, left) in zip(opened, values.values(), strict=True):
        readings = [
            Reading("lease_failures", "shop", failures),
            Reading("lease_remaining_seconds", "shop", left),
        ]
        counters.sources.append(lambda readings=readings: readings)
        counters.count_event(handled(published=100.0 - left))
        counters.sample()
        counters.sample()
    merged = {
        ("lease_failures", "shop"): 12.0,
        ("lease_remaining_seconds", "shop"): 1.0,
        ("event_age_seconds", "mail.send"): 2.0,
        ("event_loop_lag_seconds", "events"): 0.0,
        ("event_loop_lag_seconds", "relay"): 0.0,
    }
    assert read_totals(tmp_path).readings == merged
    for counters in opened:
        counters.close()
    assert read_totals(tmp_path).readings == {("lease_failures", "shop"): 12.0}
    again = start("worker")
    assert read_totals(tmp_path).readings == {("lease_failures", "shop"): 12.0}
    again.close()


def test_failing_source_does_not_hide_the_others(
    tmp_path: Path, start: Open, caplog: pytest.LogCaptureFixture
) -> None:
    counters = start("worker")
    counters.sources += [lambda: 1 / 0, lambda: [Reading("telemetry_dropped", "loki", 3)]]  # type: ignore[list-item, return-value]
    counters.sample()
    counters.sample()
    assert read_totals(tmp_path).readings["telemetry_dropped", "loki"] == 3
    assert len(caplog.records) == 1
    counters.close()


def test_consumers_beyond_the_bound_are_counted_together(tmp_path: Path) -> None:
    counters = CallCounters(tmp_path)
    counters.open()
    counters.write(
        [
            CallRecord(1.0, "GET", "/", 200, 2.0, 0, "a.b", f"c{number}", "k", "", "")
            for number in range(MAX_CONSUMERS + 20)
        ]
        * 2
    )
    found = read_totals(tmp_path).consumers
    assert len(found) == MAX_CONSUMERS + 1
    assert (found["c1"][1], found["c1"][-1]) == (2, 4000)
    assert found[OTHERS][1] == 40
    counters.close()

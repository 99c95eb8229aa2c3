"""Under overload, the worker stays busy and serves admitted calls soon."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

import pytest
from tests.gateway.simulated import Done, Kind, Waiting, Worker, arrivals

from neurova_platform.serving.listener import ACCEPTS_PER_TURN

LOAD = 20.0  # seconds


def load(kind: Kind, rate: float, last: float = LOAD, first: float = 0.0, seed: int = 1):  # type: ignore[no-untyped-def]
    return [(time, kind) for time in arrivals(rate, first, last, seed)]


def served(done: Iterable[Done], kind: Kind) -> list[float]:
    return [one.seconds for one in done if one.kind is kind and one.served]


def refused(done: Iterable[Done]) -> list[Done]:
    return [one for one in done if not one.served]


def check_promises(done: list[Done], kind: Kind) -> None:
    """Check that 80 % of the capacity is used, and 99 % of calls wait at most 1.5 s."""
    during = [one for one in done if one.arrived < LOAD]
    assert len(served(during, kind)) * kind.computes >= 0.8 * LOAD
    assert statistics.quantiles(served(during, kind), n=100)[98] <= 1.5 + kind.computes


@pytest.mark.parametrize(
    ("computes", "waits"),
    [(0.0023, None), (0.005, None), (0.2, None), (0.005, 0.01), (0.005, 0.05)],
)
def test_five_times_the_capacity(computes: float, waits: float | None) -> None:
    kind = Kind(computes, waits)
    done = Worker(load(kind, 5 / computes) + load(kind, 0.2 / computes, LOAD + 5, LOAD)).run()
    check_promises(done, kind)
    assert refused(one for one in done if one.arrived > LOAD + 2) == []


@pytest.mark.parametrize("waits", [None, 0.01])
@pytest.mark.parametrize("callers", [128, 1_000, 5_000])
def test_callers_that_retry_at_once(callers: int, waits: float | None) -> None:
    kind = Kind(0.0023, waits, again=LOAD)
    check_promises(Worker([(0.0, kind)] * callers).run(), kind)


def burst(calls: int, kind: Kind) -> list[tuple[float, Kind]]:
    return [(float(second), kind) for second in range(5) for _ in range(calls)]


@pytest.mark.parametrize(
    ("calls", "pause"),
    [
        (load(Kind(0.005), 140), 0.0),
        (load(Kind(0.005, 0.01), 140), 0.0),
        (burst(1000, Kind(50e-6)), 0.0),
        (burst(200, Kind(1e-3)), 0.0),
        # Closed loops of callers: the event loop is never idle.
        ([(0.0, Kind(0.0023, again=LOAD))] * 32, 0.0),
        ([(0.0, Kind(0.0023, again=LOAD))] * 350, 0.0),
        ([(0.0, Kind(0.0001, again=5))] * 500, 0.0),
        # Another process uses the CPU half of the time.
        ([(0.0, Kind(0.0023, again=LOAD))] * 32, 0.08),
        # Calls that only wait: a burst, then a constant number in flight.
        ([(0.0, Kind(50e-6, 1.0, again=LOAD))] * 5_000, 0.0),
    ],
)
def test_nothing_is_refused_below_a_second(calls: list[tuple[float, Kind]], pause: float) -> None:
    done = Worker(calls, pause).run()
    assert len(done) >= len(calls)
    assert refused(done) == []


@pytest.mark.parametrize("computes", [0.0023, 0.005, 0.2])
def test_connections_are_accepted_as_fast_as_they_arrive(computes: float) -> None:
    """At five times the capacity, five new connections arrive per call."""
    worker = Worker([])
    for _ in range(100):
        worker.admission.wait(Waiting(worker, worker.now, Kind(computes)))
    worker.admission.run_turns()
    assert 5 * len(worker.replies) <= ACCEPTS_PER_TURN

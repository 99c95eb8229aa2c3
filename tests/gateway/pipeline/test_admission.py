"""Under overload, admitted calls are served soon, and the worker stays busy."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from itertools import chain

import pytest
from tests.gateway.simulated import Done, Kind, Worker, arrivals

from neurova.overload.cost import Cost
from neurova_gateway.pipeline.admission import Admission

MINUTE = 60.0
START = 3.01  # just after the load of `overloaded`


def load(kind: Kind, rate: float, last: float = MINUTE, first: float = 0.0, seed: int = 1):  # type: ignore[no-untyped-def]
    return [(time, kind) for time in arrivals(rate, first, last, seed)]


def run(*loads: Iterable[tuple[float, Kind]]) -> list[Done]:
    return Worker(Admission(), chain(*loads)).run()


def served(done: Iterable[Done], kind: Kind) -> list[float]:
    return [one.seconds for one in done if one.kind is kind and one.served]


def refused(done: Iterable[Done], kind: Kind | None = None) -> list[Done]:
    return [one for one in done if not one.served and (kind is None or one.kind is kind)]


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


@pytest.mark.parametrize(
    ("computes", "waits"), [(0.005, None), (0.020, None), (0.005, 0.010), (0.005, 0.020)]
)
def test_five_times_the_capacity_for_a_minute(computes: float, waits: float | None) -> None:
    kind = Kind(computes, waits)
    alone = kind.computes + (kind.waits or 0)
    done = run(load(kind, 5 / kind.computes), load(kind, 0.2 / kind.computes, 70, MINUTE))
    during = [one for one in done if one.arrived < MINUTE]
    assert len(served(during, kind)) * kind.computes >= 0.8 * MINUTE
    assert p99(served(during, kind)) <= 5 * alone
    assert refused([one for one in done if one.arrived > MINUTE + 2]) == []


def burst(calls: int, kind: Kind) -> list[tuple[float, Kind]]:
    return [(float(second), kind) for second in range(5) for _ in range(calls)]


@pytest.mark.parametrize(
    ("calls", "pause"),
    [
        (load(Kind(0.005), 140), 0.0),
        (load(Kind(0.005, 0.01), 140), 0.0),
        (burst(500, Kind(50e-6)), 0.0),
        (burst(1000, Kind(50e-6)), 0.0),
        (burst(200, Kind(1e-3)), 0.0),
        # Callers in a closed loop: the event loop is never idle.
        ([(0.0, Kind(0.0005, again=20))] * 64, 0.0),
        ([(0.0, Kind(0.0001, again=20))] * 500, 0.0),
        ([(0.0, Kind(0.005, again=20))] * 10, 0.0),
        # Another process has the CPU half of the time.
        ([(0.0, Kind(0.0005, again=30))] * 32, 0.08),
    ],
)
def test_load_below_capacity_is_never_refused(
    calls: list[tuple[float, Kind]], pause: float
) -> None:
    worker = Worker(Admission(), calls)
    worker.pause = pause
    assert refused(worker.run()) == []


def test_single_stall_refuses_no_light_call() -> None:
    """E.g. a reload."""
    light, stall = Kind(0.0004), Kind(0.4)
    done = run(load(light, 200), [(float(second), stall) for second in range(1, 60, 5)])
    assert refused(done, light) == []


def test_slight_overload_queues_rather_than_refuses() -> None:
    kind = Kind(0.005)
    done = run(load(kind, 200))
    assert len(served(done, kind)) >= 0.9 * len(done)
    assert max(served(done, kind)) < 0.5


@pytest.mark.parametrize("waits", [None, 0.05])
def test_cheap_calls_are_admitted_under_overload(waits: float | None) -> None:
    heavy, cheap = Kind(0.005, waits), Kind(0.00005)
    done = run(load(heavy, 1000), load(cheap, 500, seed=2))
    assert refused(done, cheap) == []
    assert len(refused(done, heavy)) > 30_000
    assert len(served(done, heavy)) * heavy.computes > 0.75 * MINUTE


@pytest.mark.parametrize("waits", [None, 0.002])
def test_closed_loop_callers_recover_after_overload(waits: float | None) -> None:
    """Refused callers retry at once and count as many, though there is room for all of them."""
    heavy, steady = Kind(0.005), Kind(0.0005, waits, again=20)
    done = run(load(heavy, 1000, last=5), [(1.0, steady)] * 64)
    assert refused([one for one in done if one.arrived < 5], steady)
    assert refused([one for one in done if one.arrived > 5 + 2]) == []


def test_first_heavy_call_of_iteration_is_admitted() -> None:
    admission = overloaded()
    heavy, now = Cost(0.005), START
    assert admission.admits(heavy, now)
    admission.add_work(heavy, later=False)
    assert [admission.admits(heavy, now) for now in (now + 0.0051, now + 0.0052)] == [False, False]
    assert admission.admits(Cost(0.0001), now + 0.0053)
    assert admission.refused == 2
    empty_iteration(admission, now + 0.006)
    assert admission.admits(heavy, now + 0.007)


def test_later_work_counts_until_done() -> None:
    admission = overloaded()
    heavy, now = Cost(0.005), START
    assert admission.admits(heavy, now)
    admission.add_work(heavy, later=True)
    empty_iteration(admission, now)
    assert not admission.admits(heavy, now + 0.001)
    empty_iteration(admission, now + 0.001)
    assert admission.admits(heavy, now + 0.006)


def test_unknown_cost_counts_as_heavy() -> None:
    admission = overloaded()
    new = Cost()
    assert admission.admits(new, START)
    admission.add_work(new, later=True)
    assert new.seconds > 0
    assert not admission.admits(new, START + 0.0001)
    new.record(0.00002)  # measured: it is cheap
    assert admission.admits(new, START + 0.0002)


def test_clock_set_back_refuses_nothing() -> None:
    admission = overloaded()
    heavy, now = Cost(0.005), START
    assert admission.admits(heavy, now)
    admission.add_work(heavy, later=True)
    empty_iteration(admission, now)
    assert admission.admits(heavy, now - 3600.0)


def empty_iteration(admission: Admission, now: float) -> None:
    """Run an iteration that takes no time."""
    admission.record_iteration_start(now)
    admission.record_iteration_end(now)


def overloaded() -> Admission:
    """Return the admission of a worker under five times its capacity."""
    admission = Admission()
    kind = Kind(0.005)
    Worker(admission, load(kind, 1000, last=2.0)).run()
    admission.begin_iteration = lambda: None
    admission.refused = 0
    assert admission.queue_delay.is_overloaded
    assert admission.queue_delay.limit < 0.005
    return admission

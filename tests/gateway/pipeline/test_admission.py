"""Too many calls: those let in are served soon, the worker is used, the rest know it at once."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from itertools import chain
from math import inf

import pytest
from tests.gateway.simulated import Done, Kind, Worker, arrivals

from neurova.overload.cost import Cost
from neurova_gateway.pipeline.admission import Admission

MINUTE = 60.0
START = 3.01  # just after the load of `crowded`


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


KINDS = {
    "5 ms at once": lambda: Kind(0.005),
    "20 ms at once": lambda: Kind(0.020),
    "waits 10 ms, then 5 ms": lambda: Kind(0.005, 0.010),
    "waits 20 ms, then 5 ms": lambda: Kind(0.005, 0.020),
}


@pytest.mark.parametrize("name", KINDS)
def test_five_times_what_can_be_served_for_a_minute(name: str) -> None:
    kind = KINDS[name]()
    alone = kind.computes + (kind.waits or 0)
    done = run(load(kind, 5 / kind.computes), load(kind, 0.2 / kind.computes, 70, MINUTE))
    during = [one for one in done if one.came < MINUTE]
    assert len(served(during, kind)) * kind.computes >= 0.8 * MINUTE
    assert p99(served(during, kind)) <= 5 * alone
    assert refused([one for one in done if one.came > MINUTE + 2]) == []


@pytest.mark.parametrize("waits", [None, 0.01])
def test_what_can_be_served_is_served(waits: float | None) -> None:
    kind = Kind(0.005, waits)
    done = run(load(kind, 140))
    assert refused(done) == []


def test_a_little_too_much_makes_calls_wait_rather_than_be_refused() -> None:
    kind = Kind(0.005)
    done = run(load(kind, 200))
    assert len(served(done, kind)) >= 0.9 * len(done)
    assert max(served(done, kind)) < 0.5


@pytest.mark.parametrize("waits", [None, 0.05])
def test_cheap_calls_are_let_in_while_heavy_ones_are_refused(waits: float | None) -> None:
    heavy, cheap = Kind(0.005, waits), Kind(0.00005)
    done = run(load(heavy, 1000), load(cheap, 500, seed=2))
    assert refused(done, cheap) == []
    assert len(refused(done, heavy)) > 30_000
    assert len(served(done, heavy)) * heavy.computes > 0.75 * MINUTE


@pytest.mark.parametrize(("calls", "seconds"), [(500, 50e-6), (1000, 50e-6), (200, 1e-3)])
def test_a_burst_on_a_worker_with_nothing_to_do_is_served_whole(calls: int, seconds: float) -> None:
    kind = Kind(seconds)
    bursts = [(float(second), kind) for second in range(5) for _ in range(calls)]
    assert refused(run(bursts)) == []


@pytest.mark.parametrize(("callers", "seconds"), [(64, 0.0005), (500, 0.0001), (10, 0.005)])
def test_callers_that_ask_again_at_once_are_served_as_long_as_each_waits_little(
    callers: int, seconds: float
) -> None:
    """The loop is never idle, which alone is no reason to refuse."""
    kind = Kind(seconds, again=20)
    assert refused(run([(0.0, kind)] * callers)) == []


@pytest.mark.parametrize("waits", [None, 0.002])
def test_callers_that_ask_again_at_once_are_all_served_soon_after_an_overload(
    waits: float | None,
) -> None:
    """Refused ones come back at once, and count for many; there is room for all of them."""
    heavy, steady = Kind(0.005), Kind(0.0005, waits, again=20)
    done = run(load(heavy, 1000, last=5), [(1.0, steady)] * 64)
    assert refused([one for one in done if one.came < 5], steady)
    assert refused([one for one in done if one.came > 5 + 2]) == []


def test_a_machine_that_stands_still_now_and_then_is_no_overload() -> None:
    """Callers that ask again at once, while half of the time another has the processor."""
    kind = Kind(0.0005, again=30)
    worker = Worker(Admission(), [(0.0, kind)] * 32)
    worker.still = 0.08
    assert refused(worker.run()) == []


def test_a_stall_refuses_nobody() -> None:
    """As a reload, or a machine that does something else for a moment."""
    light, stall = Kind(0.0004), Kind(0.4)
    done = run(load(light, 200), [(float(second), stall) for second in range(1, 60, 5)])
    assert refused(done, light) == []


def test_a_call_is_not_looked_at_while_nobody_waits() -> None:
    admission = Admission()
    assert admission.watch_after == inf
    admission.iteration_began(10.0)
    admission.iteration_ended(10.004)
    assert admission.watch_after == inf


def test_the_first_of_a_turn_is_let_in_and_those_behind_it_are_not() -> None:
    admission = crowded()
    heavy, now = Cost(0.005), START
    assert admission.admits(heavy, now)
    admission.add_work(heavy, later=False)
    assert [admission.admits(heavy, now) for now in (now + 0.0051, now + 0.0052)] == [False, False]
    assert admission.admits(Cost(0.0001), now + 0.0053)
    assert admission.refused == 2
    closed(admission, now + 0.006)
    assert admission.admits(heavy, now + 0.007)


def test_work_that_is_done_later_counts_until_it_is_done() -> None:
    admission = crowded()
    heavy, now = Cost(0.005), START
    assert admission.admits(heavy, now)
    admission.add_work(heavy, later=True)
    closed(admission, now)
    assert not admission.admits(heavy, now + 0.001)
    closed(admission, now + 0.001)
    assert admission.admits(heavy, now + 0.006)


def test_a_call_of_unknown_cost_is_let_in_and_the_next_counts_as_heavy() -> None:
    admission = crowded()
    new = Cost()
    assert admission.admits(new, START)
    admission.add_work(new, later=True)
    assert new.seconds > 0
    assert not admission.admits(new, START + 0.0001)
    new.record(0.00002)  # it was cheap
    assert admission.admits(new, START + 0.0002)


def test_a_clock_that_is_set_back_shuts_nobody_out() -> None:
    admission = crowded()
    heavy, now = Cost(0.005), START
    assert admission.admits(heavy, now)
    admission.add_work(heavy, later=True)
    closed(admission, now)
    assert admission.admits(heavy, now - 3600.0)


def closed(admission: Admission, now: float) -> None:
    """End a turn that took no time."""
    admission.iteration_began(now)
    admission.iteration_ended(now)


def crowded() -> Admission:
    """Return one whose worker is offered five times what it can serve."""
    admission = Admission()
    kind = Kind(0.005)
    Worker(admission, load(kind, 1000, last=2.0)).run()
    admission.begin_iteration = lambda: None
    admission.refused = 0
    assert admission.pressure.crowded
    assert admission.pressure.limit < 0.005
    return admission

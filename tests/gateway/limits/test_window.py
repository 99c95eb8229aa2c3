"""No window admits more than the limit, and nearly the whole limit is admitted."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurova_gateway.limits.base import Bucket
from neurova_gateway.limits.table import LimitTable

S = 1_000_000_000
Arrivals = list[tuple[int, int]]


class ExactLog:
    """An exact sliding log as reference."""

    def __init__(self, limit: int, window: int) -> None:
        self.limit, self.window, self.total = limit, window, 0
        self.log: deque[tuple[int, int]] = deque()

    def admit(self, now: int, cost: int) -> bool:
        while self.log and now - self.log[0][0] > self.window:
            self.total -= self.log.popleft()[1]
        if self.total + cost > self.limit:
            return False
        self.log.append((now, cost))
        self.total += cost
        return True


def admitted(arrivals: Arrivals, limit: int, seconds: int) -> tuple[Arrivals, int]:
    """Return the arrivals that a table admits, and the units that an exact log admits."""
    now = 0
    exact, units, taken = ExactLog(limit, seconds * S), 0, []
    bucket = (Bucket("c:acme", limit, seconds),)
    with TemporaryDirectory() as folder:
        table = LimitTable(Path(folder) / "t", clock=lambda: now)
        for now, cost in arrivals:
            if table.admit(bucket, cost).admitted:
                taken.append((now, cost))
            units += cost * exact.admit(now, cost)
        table.close()
    return taken, units


def assert_never_more(taken: Arrivals, limit: int, seconds: int) -> None:
    # The fullest window ends with an admission, so check only those.
    recent, total = deque[tuple[int, int]](), 0
    for now, cost in taken:
        recent.append((now, cost))
        total += cost
        while now - recent[0][0] > seconds * S:
            total -= recent.popleft()[1]
        assert total <= limit


def steady(random: Random) -> Arrivals:
    return [(i * S // 310, 1) for i in range(6000)]


def scattered(random: Random) -> Arrivals:
    return sorted((random.randrange(20 * S), random.choice((1, 1, 1, 5))) for _ in range(6000))


def bursts(random: Random) -> Arrivals:
    now, arrivals = 0, []
    for _ in range(150):
        now += int(random.random() * S * random.choice((0.001, 0.1, 1)))
        apart = random.choice((1, 1_000, 30_000, 1_000_000))
        for _ in range(random.randrange(1, 300)):
            now += random.randrange(apart)
            arrivals.append((now, 1))
    return arrivals


def instant_bursts_at_edges(random: Random) -> Arrivals:
    return [(edge * (S + 1), 1) for edge in range(20) for _ in range(150)]


def bursts_at_edges(random: Random) -> Arrivals:
    """At each edge, four processes wake slightly late and send 30 calls each in 2 ms."""
    return sorted(
        (edge * S + late + i * 66_000 + random.randrange(20_000), 1)
        for edge in range(40)
        for late in (random.randrange(500_000) for _ in range(4))
        for i in range(30)
    )


def twin_bursts_at_edges(random: Random) -> Arrivals:
    """Send two bursts within one grain: a log of fixed grain would lose a quarter of them."""
    apart = 10_000_000
    return [
        (edge * (S + apart // 2) + twin * apart, 1)
        for edge in range(40)
        for twin in (0, 1)
        for _ in range(50)
    ]


def twin_bursts_after_a_steady_flow_and_a_rest(random: Random) -> Arrivals:
    """The steady flow makes the log coarse; after the rest it must become fine again."""
    flow = [(i * S // 90, 1) for i in range(180)]
    return flow + [(now + 4 * S, cost) for now, cost in twin_bursts_at_edges(random)]


def a_steady_flow_and_bursts_at_edges(random: Random) -> Arrivals:
    return sorted(scattered(random)[::6] + bursts_at_edges(random)[:2400])


PATTERNS = [
    steady, scattered, bursts, instant_bursts_at_edges, bursts_at_edges, twin_bursts_at_edges,
    twin_bursts_after_a_steady_flow_and_a_rest, a_steady_flow_and_bursts_at_edges,
]  # fmt: skip


@pytest.mark.parametrize("limit", [70, 100, 1000])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_window_never_exceeds_limit_and_admits_95_percent(
    pattern: Callable[[Random], Arrivals], limit: int
):
    for seed in range(3):
        taken, exact = admitted(pattern(Random(seed)), limit, 1)
        assert_never_more(taken, limit, 1)
        assert sum(cost for _, cost in taken) >= 0.95 * exact


arrivals = st.lists(
    st.tuples(
        st.one_of(
            st.integers(0, 3),
            st.integers(0, S // 40),
            st.sampled_from((S // 58, S // 2, S - 1, S, S + 1, 3 * S)),
        ),
        st.integers(1, 40),
    ),
    max_size=300,
)


def moments(gaps: Arrivals) -> Arrivals:
    now, found = 0, []
    for gap, cost in gaps:
        now += gap
        found.append((now, cost))
    return found


@settings(max_examples=150, deadline=None)
@given(arrivals, st.integers(1, 2000))
def test_window_never_exceeds_limit(gaps: Arrivals, limit: int):
    taken, _ = admitted(moments(gaps), limit, 1)
    assert_never_more(taken, limit, 1)


@settings(max_examples=150, deadline=None)
@given(arrivals, st.integers(1, 60), st.integers(1, 3))
def test_limits_up_to_sixty_are_exact(gaps: Arrivals, limit: int, seconds: int):
    taken, exact = admitted(moments(gaps), limit, seconds)
    assert sum(cost for _, cost in taken) == exact

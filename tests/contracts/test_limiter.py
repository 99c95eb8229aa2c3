"""The contract of limiters; a new backend is one line in BACKENDS."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from neurova.errors import Unavailable
from neurova_gateway.limits.base import Bucket, Limiter
from neurova_gateway.limits.redis.url import parse_url
from neurova_gateway.limits.table import LimitTable

SECOND = 1_000_000_000
TICK = 1_000  # nanoseconds: Redis counts in microseconds
Open = Callable[[pytest.FixtureRequest, Path, Callable[[], int]], Limiter]


def open_table(request: pytest.FixtureRequest, folder: Path, clock: Callable[[], int]) -> Limiter:
    return LimitTable(folder / "limits.table", clock=clock)


def open_redis(request: pytest.FixtureRequest, folder: Path, clock: Callable[[], int]) -> Limiter:
    from neurova_gateway.limits.redis.limiter import RedisLimiter

    url = parse_url(request.getfixturevalue("redis_url"))
    limiter = RedisLimiter(url, folder, clock=lambda: clock() // TICK)
    redis.Redis.from_url(request.getfixturevalue("redis_url")).flushall()
    return limiter


BACKENDS = [
    pytest.param(open_table, id="table"),
    pytest.param(open_redis, id="redis", marks=pytest.mark.server),
]
ACME = Bucket("c:acme", 10, 60)
KEY = Bucket("k:1", 3, 1)


class Clock:
    """A clock in nanoseconds that the test moves."""

    now = 1000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=BACKENDS)
def limiter(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Limiter]:
    open_limiter: Open = request.param
    limiter = open_limiter(request, tmp_path, clock)
    yield limiter
    limiter.close()


def test_limit_is_admitted_and_no_more(limiter: Limiter):
    decisions = [limiter.admit([ACME]) for _ in range(12)]
    assert [d.admitted for d in decisions] == [True] * 10 + [False] * 2
    assert [d.remaining for d in decisions] == [(left,) for left in (*range(9, -1, -1), 0, 0)]
    assert {d.retry_after for d in decisions[:10]} == {0}


def test_charge_expires_after_the_whole_window(limiter: Limiter, clock: Clock):
    limiter.admit([KEY], 3)
    clock.now += SECOND
    assert not limiter.admit([KEY]).admitted
    clock.now += TICK
    assert limiter.admit([KEY], 3).admitted


def test_call_is_charged_to_all_buckets_or_none(limiter: Limiter):
    for _ in range(3):
        assert limiter.admit([ACME, KEY]).admitted
    refused = limiter.admit([ACME, KEY])
    assert (refused.admitted, refused.remaining) == (False, (7, 0))
    assert limiter.admit([ACME]).remaining == (6,)


def test_decision_keeps_the_order_of_buckets(limiter: Limiter):
    assert limiter.admit([ACME, KEY]) == (True, (9, 2), (60, 1), 0)
    assert limiter.admit([KEY, ACME]) == (True, (1, 8), (1, 60), 0)


def test_retry_after_is_long_enough(limiter: Limiter, clock: Clock):
    limiter.admit([ACME], 4)
    clock.now += 20 * SECOND
    limiter.admit([ACME], 6)
    refused = limiter.admit([ACME], 5)
    assert refused == (False, (0,), (61,), 61)  # later than 60 s, rounded up to whole seconds
    assert limiter.admit([ACME], 4).retry_after == 41
    clock.now += 41 * SECOND
    assert limiter.admit([ACME], 4).admitted


def test_retry_after_is_the_longest_of_full_buckets(limiter: Limiter):
    limiter.admit([ACME], 10)
    limiter.admit([KEY], 3)
    assert limiter.admit([KEY, ACME]).retry_after == 61
    assert limiter.admit([KEY]).retry_after == 2


def test_subjects_and_windows_are_counted_separately(limiter: Limiter):
    buckets = [Bucket("a", 1, 1), Bucket("a", 1, 60), Bucket("b", 1, 1)]
    assert [limiter.admit([bucket]).admitted for bucket in buckets] == [True] * 3
    assert [limiter.admit([bucket]).admitted for bucket in buckets] == [False] * 3


def test_changed_limit_applies_at_once(limiter: Limiter):
    limiter.admit([ACME], 5)
    assert limiter.admit([ACME._replace(limit=4)]) == (False, (0,), (61,), 61)
    assert limiter.admit([ACME._replace(limit=20)], 15).admitted


def test_cost_is_from_one_to_the_limit(limiter: Limiter):
    for cost in (0, -1):
        with pytest.raises(ValueError, match="give 1 or more"):
            limiter.admit([KEY], cost)
    above = limiter.admit([KEY], 4)
    assert (above.admitted, above.remaining) == (False, (3,))
    assert above.retry_after >= 1
    assert limiter.admit([KEY], 3).remaining == (0,)
    assert limiter.admit([]) == (True, (), (), 0)


@pytest.mark.parametrize("name", ["", "é" * 500, "a\0b", "\ud800", "c:acme:r:x " * 100])
def test_any_name_is_counted(limiter: Limiter, name: str):
    bucket = Bucket(name, 1, 1)
    assert [limiter.admit([bucket]).admitted for _ in range(2)] == [True, False]


def test_closed_limiter_is_unavailable(limiter: Limiter):
    limiter.close()
    with pytest.raises(Unavailable):
        limiter.admit([ACME])

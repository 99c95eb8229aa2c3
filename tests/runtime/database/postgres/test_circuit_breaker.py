"""When the circuit breaker lets callers connect again after an outage."""

from __future__ import annotations

import pytest

from neurova.database.postgres.circuit_breaker import LONGEST_PAUSE, CircuitBreaker
from neurova.errors import Unavailable

DOWN = Unavailable("the server does not answer")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def is_refused(breaker: CircuitBreaker) -> bool:
    try:
        breaker.check()
    except Unavailable:
        return True
    return False


def test_failure_pauses_all_callers_then_one_tries(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    breaker.record_failure(DOWN)
    with pytest.raises(Unavailable, match="does not answer; the next attempt is within 1 s"):
        breaker.check()
    clock.now += LONGEST_PAUSE
    assert [is_refused(breaker) for _ in range(5)] == [False, True, True, True, True]


def test_pauses_grow_to_a_second(clock: Clock) -> None:
    breaker, pauses = CircuitBreaker(clock), []
    for _ in range(40):
        breaker.record_failure(DOWN)
        began = clock.now
        while is_refused(breaker):
            clock.now += 0.001
        pauses.append(clock.now - began)
    assert pauses[0] <= 0.051
    assert all(LONGEST_PAUSE / 2 <= pause <= LONGEST_PAUSE + 0.001 for pause in pauses[5:])
    assert len({round(pause, 3) for pause in pauses[5:]}) > 5  # jitter


def test_every_caller_may_connect_until_a_failure_and_after_a_success(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    assert not any(is_refused(breaker) for _ in range(3))
    breaker.record_failure(DOWN)
    breaker.record_success()
    assert not any(is_refused(breaker) for _ in range(3))

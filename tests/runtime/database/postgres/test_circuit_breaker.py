"""A server that is down is asked by one at a time, less and less often, at most a second apart."""

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


def refused(breaker: CircuitBreaker) -> bool:
    try:
        breaker.check()
    except Unavailable:
        return True
    return False


def test_while_it_answers_everybody_may_ask(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    assert not any(refused(breaker) for _ in range(3))


def test_after_a_failure_nobody_asks_for_a_while_then_one_does(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    breaker.record_failure(DOWN)
    with pytest.raises(Unavailable, match="does not answer; the next attempt is within 1 s"):
        breaker.check()
    clock.now += LONGEST_PAUSE
    assert [refused(breaker) for _ in range(5)] == [False, True, True, True, True]


def test_the_pauses_grow_up_to_a_second(clock: Clock) -> None:
    breaker, pauses = CircuitBreaker(clock), []
    for _ in range(40):
        breaker.record_failure(DOWN)
        began = clock.now
        while refused(breaker):
            clock.now += 0.001
        pauses.append(clock.now - began)
    assert pauses[0] <= 0.051
    assert all(LONGEST_PAUSE / 2 <= pause <= LONGEST_PAUSE + 0.001 for pause in pauses[5:])
    assert len({round(pause, 3) for pause in pauses[5:]}) > 5  # no two processes in step


def test_an_answer_lets_everybody_ask_again(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    breaker.record_failure(DOWN)
    breaker.record_success()
    assert not any(refused(breaker) for _ in range(3))


def test_one_that_gave_up_lets_the_next_one_ask(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    breaker.record_failure(DOWN)
    clock.now += LONGEST_PAUSE
    breaker.check()
    breaker.record_cancelled()
    assert not refused(breaker)


def test_one_that_never_tells_holds_the_others_back_for_a_second(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    breaker.record_failure(DOWN)
    clock.now += LONGEST_PAUSE
    breaker.check()
    assert refused(breaker)
    clock.now += LONGEST_PAUSE
    assert not refused(breaker)

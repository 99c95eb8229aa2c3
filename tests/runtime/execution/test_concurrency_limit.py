"""Calls over the limit wait in order; a long queue refuses its latest calls."""

import pytest

from neurova.execution.concurrency_limit import (
    MAX_WAIT,
    WAITING_PER_RUNNING,
    ConcurrencyLimit,
    RefusalCounter,
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class QueuedCall:
    queued_at = 0.0

    def __init__(self, number: int, started: list[int], refused: list[int]) -> None:
        self.number = number
        self.started = started
        self.refused = refused

    def start(self) -> None:
        self.started.append(self.number)

    def refuse(self) -> None:
        self.refused.append(self.number)


def test_calls_start_in_order_up_to_the_queue() -> None:
    started: list[int] = []
    limit = ConcurrencyLimit(2, queue=2)
    entered = [limit.enter(QueuedCall(number, started, [])) for number in range(5)]
    assert entered == [True] * 4 + [False]
    assert started == [0, 1]
    limit.release()
    assert started == [0, 1, 2]
    for _ in range(3):
        limit.release()
    assert started == [0, 1, 2, 3]
    assert (limit.running, len(limit.waiting)) == (0, 0)


@pytest.mark.parametrize(
    ("running", "calls", "wait", "refused"),
    [
        (1, 500, MAX_WAIT, 0),  # a burst, all of it started in time
        (1, 500, MAX_WAIT + 0.1, 500 - WAITING_PER_RUNNING),
        (4, 500, MAX_WAIT + 0.1, 500 - 4 * WAITING_PER_RUNNING),
        (1, WAITING_PER_RUNNING, 60.0, 0),  # a slow function with few callers
    ],
)
def test_late_calls_of_a_long_queue_are_refused(
    running: int, calls: int, wait: float, refused: int
) -> None:
    clock, counter, refusals, started = Clock(), RefusalCounter(), list[int](), list[int]()
    limit = ConcurrencyLimit(running, clock=clock, refusals=counter)
    for number in range(running + calls):
        assert limit.enter(QueuedCall(number, started, refusals))
    clock.now += wait
    limit.release()
    assert started[running:] == [running + refused]
    assert refusals == list(range(running, running + refused))
    assert counter.count == refused

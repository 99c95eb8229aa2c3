"""Calls over the limit wait in order; over the queue they are refused."""

import asyncio
from typing import Any

import pytest

from neurova.execution.concurrency_limit import ConcurrencyLimit


class Waiter:
    def __init__(self, begun: list[int], number: int) -> None:
        self.begun = begun
        self.number = number

    def begin(self) -> None:
        self.begun.append(self.number)


def test_the_order_is_that_of_arrival_and_the_queue_is_bounded() -> None:
    begun: list[int] = []
    gate = ConcurrencyLimit(2, queue=2)
    assert [gate.enter(Waiter(begun, number)) for number in range(5)] == [True] * 4 + [False]
    assert begun == [0, 1]
    gate.leave()
    assert begun == [0, 1, 2]
    gate.leave()
    gate.leave()
    gate.leave()
    assert begun == [0, 1, 2, 3]
    assert (gate.running, len(gate.waiting)) == (0, 0)


def test_who_withdraws_is_not_begun() -> None:
    begun: list[int] = []
    gate = ConcurrencyLimit(1)
    waiters = [Waiter(begun, number) for number in range(3)]
    for waiter in waiters:
        gate.enter(waiter)
    gate.withdraw(waiters[1])
    gate.withdraw(waiters[1])
    gate.leave()
    assert begun == [0, 2]


@pytest.mark.parametrize("end", ["cancel", "expire"])
def test_a_call_that_ends_before_its_first_step_gives_its_place_back(house: Any, end: str) -> None:
    function = house.function(
        "from neurova import get\nimport asyncio\n\n\n"
        '@get("/x", concurrency=1)\nasync def f() -> int:\n    await asyncio.sleep(0)\n'
        "    return 1\n"
    )

    async def test() -> None:
        first = function.invoke(house.call())
        getattr(first, end)()
        assert function.gate.running == 0
        await asyncio.sleep(0)
        assert (await house.reply(function)).status == 200
        assert function.gate.running == 0

    asyncio.run(test())


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def busy(calls: int, limit: int = 1) -> tuple[ConcurrencyLimit, Clock]:
    """Return a gate where calls take a second each, and a queue has stood for a while."""
    clock, begun = Clock(), list[int]()
    gate = ConcurrencyLimit(limit, clock=clock)
    for number in range(limit + calls):
        assert gate.enter(Waiter(begun, number))
    for _ in range(8):
        clock.now += 1 / limit
        gate.leave()
    assert len(gate.waiting) == calls - 8
    return gate, clock


def test_a_call_whose_turn_would_come_after_its_deadline_is_refused_at_once() -> None:
    gate, clock = busy(10)  # two wait, the next would begin in three seconds
    before = ConcurrencyLimit.refused
    assert not gate.enter(Waiter([], 0), clock.now + 2.5)
    assert ConcurrencyLimit.refused == before + 1
    assert gate.enter(Waiter([], 0), clock.now + 3.5)


def test_a_queue_that_stands_is_kept_short() -> None:
    gate, _ = busy(8 + 2)
    assert [gate.enter(Waiter([], n)) for n in range(3)] == [True, False, False]
    gate, _ = busy(8 + 1, limit=4)
    assert [gate.enter(Waiter([], n)) for n in range(13)] == [True] * 11 + [False] * 2


def test_a_burst_may_fill_the_queue_once_the_last_one_was_worked_off() -> None:
    gate, clock = busy(8)
    assert not gate.waiting
    clock.now += 60
    assert all(gate.enter(Waiter([], n)) for n in range(500))


def test_calls_that_are_done_fast_may_wait_in_numbers() -> None:
    clock = Clock()
    gate = ConcurrencyLimit(1, clock=clock)
    for number in range(600):
        gate.enter(Waiter([], number))
    for _ in range(580):
        clock.now += 0.001
        gate.leave()
    assert [gate.enter(Waiter([], n)) for n in range(90)].count(False) == 9

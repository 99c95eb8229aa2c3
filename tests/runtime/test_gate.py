"""Calls over the limit wait in order; over the queue they are refused."""

import asyncio
from typing import Any

import pytest

from neurova.gate import Gate


class Waiter:
    def __init__(self, begun: list[int], number: int) -> None:
        self.begun = begun
        self.number = number

    def begin(self) -> None:
        self.begun.append(self.number)


def test_the_order_is_that_of_arrival_and_the_queue_is_bounded() -> None:
    begun: list[int] = []
    gate = Gate(2, queue=2)
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
    gate = Gate(1)
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

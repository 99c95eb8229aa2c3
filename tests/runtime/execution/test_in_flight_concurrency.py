"""A call that ends before its function has begun gives its place back, once."""

import asyncio
from typing import Any

import pytest
from tests.runtime.execution.test_in_flight_call import made

from neurova.endpoints.function import ConcurrentFunction
from neurova.execution import thread_pool as threads
from neurova.execution.context import ExecutionContext
from neurova.execution.in_flight_call import InFlightCall

SOURCE = """
import asyncio
from neurova import post
ran = []

@post("/x")
async def f() -> int:
    ran.append(1)
    await asyncio.sleep(0)
    return 1
"""


async def until_idle(function: ConcurrentFunction) -> None:
    async with asyncio.timeout(20):
        while function.concurrency.running:
            await asyncio.sleep(0)


@pytest.mark.parametrize("end", ["cancel", "expire", "both"])
def test_a_call_that_ends_before_its_first_step_gives_its_place_back(house: Any, end: str) -> None:
    function = house.function(SOURCE)
    assert isinstance(function, ConcurrentFunction)

    async def test() -> None:
        flight = function.invoke(house.call())
        assert isinstance(flight, InFlightCall)
        if end != "cancel":
            flight.expire()
        if end != "expire":
            flight.cancel()
        await asyncio.wait([flight])
        assert flight.cancelled() or flight.result().status == 504
        await until_idle(function)
        assert function.concurrency.running == 0
        assert function.handler.__globals__["ran"] == []
        assert (await house.reply(function)).status == 200
        await until_idle(function)
        assert function.concurrency.running == 0

    asyncio.run(test())


def test_an_attempt_of_a_thread_that_failed_is_no_sign_of_a_queue(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = threads.ThreadPool(1)
    house.execution = ExecutionContext(pool)
    function = made(
        house,
        "def f() -> int:\n    seen.append(1)\n    if len(seen) < 4:\n"
        "        raise OSError\n    return len(seen)\n",
        "retries=3, backoff=0.05",
    )
    assert house.ask(function).body == b"4"
    assert not pool.pressure.crowded
    assert pool.refused == 0

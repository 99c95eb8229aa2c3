"""A call that ends before its function has begun gives its place back, once."""

import asyncio
from typing import Any

import pytest

from neurova.flight import Flight
from neurova.invoke import Waiting

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


async def until_idle(function: Waiting) -> None:
    async with asyncio.timeout(20):
        while function.gate.running:
            await asyncio.sleep(0)


@pytest.mark.parametrize("end", ["cancel", "expire", "both"])
def test_a_call_that_ends_before_its_first_step_gives_its_place_back(house: Any, end: str) -> None:
    function = house.function(SOURCE)
    assert isinstance(function, Waiting)

    async def test() -> None:
        flight = function.invoke(house.call())
        assert isinstance(flight, Flight)
        if end != "cancel":
            flight.expire()
        if end != "expire":
            flight.cancel()
        await asyncio.wait([flight])
        assert flight.cancelled() or flight.result().status == 504
        await until_idle(function)
        assert function.gate.running == 0
        assert function.handler.__globals__["ran"] == []
        assert (await house.reply(function)).status == 200
        await until_idle(function)
        assert function.gate.running == 0

    asyncio.run(test())

"""A call's cost is the time of its own steps, whatever it waits for."""

import asyncio
from time import perf_counter
from typing import Any

import pytest

from neurova.overload.cost import Cost, Metered


def test_the_first_call_counts_whole_and_each_later_one_a_little() -> None:
    cost = Cost()
    assert (cost.seconds, cost.is_measured) == (0.0, False)
    cost.record(0.008)
    assert cost.seconds == 0.008
    cost.record(0.016)
    assert cost.seconds == pytest.approx(0.009)


def test_a_guess_is_forgotten_once_a_call_was_measured() -> None:
    cost = Cost(0.1)
    cost.record(0.001)
    assert cost.seconds == 0.001


def busy(seconds: float) -> None:
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


def test_what_it_waits_for_is_not_counted() -> None:
    async def call() -> str:
        busy(0.002)
        await asyncio.sleep(0.2)
        busy(0.002)
        return "done"

    async def run() -> None:
        meter = Metered(call())
        began = perf_counter()
        assert await meter == "done"
        assert 0.004 <= meter.seconds < perf_counter() - began - 0.1

    asyncio.run(run())


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_raised_comes_out_as_it_is(error: type[BaseException]) -> None:
    async def call() -> None:
        await asyncio.sleep(0)
        raise error

    async def run() -> bool:
        try:
            await Metered(call())
        except error:
            return True
        return False

    assert asyncio.run(run())


def test_a_cancellation_goes_in_and_what_is_made_of_it_comes_out() -> None:
    seen: list[str] = []

    async def call() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
        await asyncio.sleep(0)
        return "kept on"

    async def run() -> Any:
        async def awaits() -> Any:
            return await Metered(call())

        task = asyncio.ensure_future(awaits())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(run()) == "kept on"
    assert seen == ["cancelled"]


def test_one_that_is_dropped_is_closed() -> None:
    seen: list[str] = []

    async def call() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            seen.append("closed")

    steps = Metered(call()).__await__()
    next(steps)
    steps.close()
    assert seen == ["closed"]

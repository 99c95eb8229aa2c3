"""A call costs the time of its own steps, not the time that it waits."""

import asyncio
from time import perf_counter

import pytest

from neurova.overload.cost import Cost, Metered


def test_cost_is_a_moving_mean() -> None:
    cost = Cost()
    assert (cost.seconds, cost.is_measured) == (0.0, False)
    cost.record(0.008)
    assert cost.seconds == 0.008
    cost.record(0.016)
    assert cost.seconds == pytest.approx(0.009)


def test_first_measurement_replaces_an_estimate() -> None:
    cost = Cost(0.1)
    cost.record(0.001)
    assert cost.seconds == 0.001


def compute(seconds: float) -> None:
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


async def test_waiting_is_not_measured() -> None:
    async def call() -> str:
        compute(0.002)
        await asyncio.to_thread(compute, 0.02)
        compute(0.002)
        return "done"

    meter = Metered(call())
    started = perf_counter()
    assert await meter == "done"
    assert 0.004 <= meter.seconds < perf_counter() - started - 0.01


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_exception_is_raised_unchanged(error: type[BaseException]) -> None:
    async def call() -> None:
        await asyncio.sleep(0)
        raise error

    try:
        await Metered(call())
    except error:
        return
    pytest.fail("nothing raised")


async def test_cancellation_reaches_the_coroutine() -> None:
    events: list[str] = []

    async def call() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            events.append("cancelled")
        await asyncio.sleep(0)
        return "went on"

    async def metered() -> object:
        return await Metered(call())

    task = asyncio.ensure_future(metered())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "went on"
    assert events == ["cancelled"]


def test_dropped_coroutine_is_closed() -> None:
    events: list[str] = []

    async def call() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            events.append("closed")

    steps = Metered(call()).__await__()
    next(steps)
    steps.close()
    assert events == ["closed"]

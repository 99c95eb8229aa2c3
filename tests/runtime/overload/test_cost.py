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
    estimated = Cost(0.1)
    estimated.record(0.001)
    assert estimated.seconds == 0.001


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

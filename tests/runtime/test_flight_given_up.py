"""A call that nobody waits for any more, or whose time is over, before it has really begun."""

import asyncio
from typing import Any

import pytest

from neurova import flight, threads

from .test_flight import made, run, state, until


def test_a_call_past_its_deadline_that_no_thread_has_taken_up_never_runs(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight, "POOL", threads.Threads(1))
    function = made(
        house, "def f(n: int) -> int:\n    seen.append(n)\n    release.wait()\n    return n\n", ""
    )

    async def test() -> None:
        first = function.invoke(house.call(query="n=1"))
        await until(lambda: state(function)["seen"] == [1])
        function.timeout = 0.01
        assert (await house.reply(function, house.call(query="n=2"))).status == 504
        await until(lambda: function.gate.running == 1)
        left = asyncio.ensure_future(house.reply(function, house.call(query="n=3")))
        await until(lambda: function.gate.running == 2)
        left.cancel()
        await until(lambda: function.gate.running == 1)
        state(function)["release"].set()
        assert (await first).status == 200  # type: ignore[misc]
        function.timeout = 60
        assert (await house.reply(function, house.call(query="n=4"))).status == 200
        assert state(function)["seen"] == [1, 4]

    run(test)

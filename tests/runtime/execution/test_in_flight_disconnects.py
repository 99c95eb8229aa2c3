"""A call that nobody waits for any more, or whose time is over, before it has really begun."""

import asyncio
import logging
from typing import Any

import pytest
from tests.runtime.execution.test_in_flight_call import made, run, state, until

from neurova.execution import thread_pool as threads
from neurova.execution.context import ExecutionContext
from neurova.execution.failures import LOGGER


def test_a_call_past_its_deadline_that_no_thread_has_taken_up_never_runs(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.execution = ExecutionContext(threads.ThreadPool(1))
    function = made(
        house, "def f(n: int) -> int:\n    seen.append(n)\n    release.wait()\n    return n\n", ""
    )

    async def test() -> None:
        first = function.invoke(house.call(query="n=1"))
        await until(lambda: state(function)["seen"] == [1])
        function.timeout = 0.01
        assert (await house.reply(function, house.call(query="n=2"))).status == 504
        await until(lambda: function.concurrency.running == 1)
        left = asyncio.ensure_future(house.reply(function, house.call(query="n=3")))
        await until(lambda: function.concurrency.running == 2)
        left.cancel()
        await until(lambda: function.concurrency.running == 1)
        state(function)["release"].set()
        assert (await first).status == 200  # type: ignore[misc]
        function.timeout = 60
        assert (await house.reply(function, house.call(query="n=4"))).status == 200
        assert state(function)["seen"] == [1, 4]

    run(test)


def test_a_failure_that_cannot_even_be_told_is_answered(house: Any) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("nothing can be logged")

    function = made(
        house, "async def f() -> int:\n    await asyncio.sleep(0)\n    return 1 // 0", ""
    )
    broken = Broken()

    async def test() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        LOGGER.addHandler(broken)
        try:
            reply = await asyncio.wait_for(house.reply(function, house.call()), 30)
        finally:
            LOGGER.removeHandler(broken)
        assert reply.status == 500
        assert function.concurrency.running == 0

    run(test)

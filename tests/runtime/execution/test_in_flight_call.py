"""An in-flight call ends in time, cleans up, and respects the concurrency limit."""

import asyncio
import logging
from typing import Any

import pytest
from tests.runtime.project import Project, module_of, turn_loop, until

from neurova.endpoints.function import ConcurrentFunction
from neurova.execution import in_flight_call
from neurova.execution.context import ExecutionContext
from neurova.execution.in_flight_call import InFlightCall
from neurova.execution.thread_pool import ThreadPool

HANGS = """
    @get("/x", {options})
    async def f() -> int:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            events.append("cleaned up")
            {result}
"""
STUBBORN = """
    @get("/x", timeout=0.01, concurrency=1)
    async def f(n: int = 0) -> int:
        events.append(n)
        while not release.is_set():
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                pass
        return n
"""
THREAD = """
    @get("/x", {options})
    def f(n: int = 0) -> int:
        events.append(n)
        release.wait()
        return n
"""
YIELDS = """
    @get("/x", concurrency=1)
    async def f() -> int:
        events.append("ran")
        await asyncio.sleep(0)
        return 1
"""


async def until_idle(function: ConcurrentFunction) -> None:
    await until(lambda: function.concurrency.running == 0)


@pytest.mark.parametrize("result", ["raise", "return 1"])
async def test_timeout_returns_504_after_cleanup(project: Project, result: str) -> None:
    """This holds even if the function suppresses its cancellation and returns."""
    function = project.define(HANGS.format(options="timeout=0.01", result=result))
    assert (await project.reply(function)).status == 504
    assert module_of(function).events == ["cleaned up"]
    await until_idle(function)


async def test_timeout_of_stubborn_function_returns_504_after_grace(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight_call, "GRACE", 0.01)
    function = project.define(STUBBORN)
    assert (await project.reply(function)).status == 504
    assert function.concurrency.running == 1
    module_of(function).release.set()
    await until_idle(function)


async def test_thread_counts_until_it_ends_after_its_504(project: Project) -> None:
    function = project.define(THREAD.format(options="timeout=0.01, concurrency=1"))
    module = module_of(function)
    first = asyncio.ensure_future(project.reply(function, project.call(query="n=1")))
    await until(lambda: module.events == [1])
    replies = [await first, await project.reply(function, project.call(query="n=2"))]
    assert [reply.status for reply in replies] == [504, 504]
    assert (module.events, function.concurrency.running) == ([1], 1)
    module.release.set()
    await until_idle(function)
    function.timeout = 60
    assert (await project.reply(function, project.call(query="n=3"))).body == b"3"


async def test_calls_without_a_thread_never_run_after_timeout_or_disconnect(
    project: Project,
) -> None:
    project.execution = ExecutionContext(ThreadPool(1))
    function = project.define(THREAD.format(options=""))
    module = module_of(function)
    first = function.invoke(project.call(query="n=1"))
    await until(lambda: module.events == [1])
    function.timeout = 0.01
    assert (await project.reply(function, project.call(query="n=2"))).status == 504
    await until(lambda: function.concurrency.running == 1)
    third = asyncio.ensure_future(project.reply(function, project.call(query="n=3")))
    await until(lambda: function.concurrency.running == 2)
    third.cancel()
    await until(lambda: function.concurrency.running == 1)
    module.release.set()
    assert (await first).status == 200
    function.timeout = 60
    assert (await project.reply(function, project.call(query="n=4"))).status == 200
    assert module.events == [1, 4]


async def test_full_queue_returns_503_last(project: Project) -> None:
    """The 503 is delayed, so that callers that retry at once cost little."""
    function = project.define(YIELDS)
    function.concurrency.queue = 1
    ended = list[int]()
    calls = [function.invoke(project.call()) for _ in range(3)]
    for number in (2, 0, 1):
        calls[number].add_done_callback(lambda _, number=number: ended.append(number))
    replies = [await call for call in calls]
    assert [reply.status for reply in replies] == [200, 200, 503]
    assert (b"retry-after", b"1") in replies[2].fields
    assert ended == [0, 1, 2]


async def test_queued_call_past_its_deadline_never_runs(project: Project) -> None:
    function = project.define(STUBBORN)
    module = module_of(function)
    first = function.invoke(project.call(query="n=1"))
    assert (await project.reply(function, project.call(query="n=2"))).status == 504
    assert not function.concurrency.waiting
    module.release.set()
    assert (await first).status == 504
    function.timeout = 60
    assert (await project.reply(function, project.call(query="n=3"))).body == b"3"
    assert module.events == [1, 3]


async def test_queued_call_runs_in_its_own_context(project: Project) -> None:
    function = project.define(
        """
        NAME = contextvars.ContextVar("name")

        @get("/x", concurrency=1)
        async def f() -> str:
            await asyncio.sleep(0)
            return NAME.get()
        """
    )
    calls = []
    for caller in ("ada", "bob"):
        module_of(function).NAME.set(caller)
        calls.append(function.invoke(project.call()))
    assert [(await call).body for call in calls] == [b"ada", b"bob"]


async def test_cancelled_call_cancels_the_function(project: Project) -> None:
    function = project.define(HANGS.format(options="", result="raise"))
    waiting = asyncio.ensure_future(project.reply(function))
    await turn_loop(5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until_idle(function)
    assert module_of(function).events == ["cleaned up"]


@pytest.mark.parametrize("ends", [("cancel",), ("expire",), ("expire", "cancel")])
async def test_call_that_ends_before_its_first_step_releases_the_limit(
    project: Project, ends: tuple[str, ...]
) -> None:
    function = project.define(YIELDS)
    call = function.invoke(project.call())
    assert isinstance(call, InFlightCall)
    for end in ends:
        getattr(call, end)()
    await asyncio.wait([call])
    assert call.cancelled() or call.result().status == 504
    await until_idle(function)
    assert module_of(function).events == []
    assert (await project.reply(function)).status == 200
    await until_idle(function)


RETRIES = """
    @get("/x", retries=2, backoff={backoff}, timeout={timeout})
    {kind} f(n: int = 9) -> int:
        events.append(n)
        if len(events) < n:
            raise {error}
        return n
"""


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize(
    ("needed", "error", "backoff", "timeout", "status", "runs"),
    [
        (3, "OSError", 0, 60, 200, 3),
        (4, "OSError", 0, 60, 500, 3),
        (9, "Reject(404)", 0, 60, 404, 1),
        (9, "OSError", 60, 0.01, 504, 1),
    ],
)
async def test_failing_get_is_retried_until_reject_or_deadline(
    project: Project, caplog: Any, kind: str, needed: int, error: str,
    backoff: float, timeout: float, status: int, runs: int,
) -> None:  # fmt: skip
    source = RETRIES.format(kind=kind, error=error, backoff=backoff, timeout=timeout)
    function = project.define(source)
    reply = await project.reply(function, project.call(query=f"n={needed}"))
    assert reply.status == status
    assert module_of(function).events == [needed] * runs


async def test_failing_log_handler_returns_500(project: Project) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    function = project.define(
        """
        @get("/x")
        async def f() -> int:
            await asyncio.sleep(0)
            return 1 // 0
        """
    )
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    logger, handler = logging.getLogger("neurova"), Broken()
    logger.addHandler(handler)
    try:
        assert (await project.reply(function)).status == 500
    finally:
        logger.removeHandler(handler)
    await until_idle(function)

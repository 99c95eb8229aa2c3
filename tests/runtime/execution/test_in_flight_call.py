"""A call that waits ends in time, cleans up, keeps its place, and commits whole or not at all."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import pytest

from neurova.endpoints.function import ConcurrentFunction, HttpFunction
from neurova.errors import Unavailable
from neurova.execution import in_flight_call as flight
from neurova.http.reply import Reply
from neurova.resources import Resources

HEAD = """
import asyncio, threading
from neurova import *
seen = []
release = threading.Event()
"""
SHORT = "timeout=0.01"


def state(function: HttpFunction) -> dict[str, Any]:
    return function.handler.__globals__  # type: ignore[no-any-return,attr-defined]


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0)


def made(house: Any, body: str, options: str = SHORT, method: str = "get") -> ConcurrentFunction:
    function = house.function(f'{HEAD}\n@{method}("/x", {options})\n{body}\n')
    assert isinstance(function, ConcurrentFunction)
    return function


def test_past_the_deadline_it_is_504_after_the_function_has_cleaned_up(house: Any) -> None:
    function = made(
        house,
        "async def f() -> int:\n    try:\n        await asyncio.sleep(60)\n    finally:\n"
        "        await asyncio.sleep(0)\n        seen.append('cleaned')\n",
    )
    reply = house.ask(function)
    assert reply.status == 504
    assert state(function)["seen"] == ["cleaned"]
    assert function.concurrency.running == 0


def test_a_function_that_does_not_let_go_gets_504_all_the_same(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight, "GRACE", 0.01)
    function = made(
        house,
        "async def f() -> int:\n    while not release.is_set():\n        try:\n"
        "            await asyncio.sleep(60)\n        except asyncio.CancelledError:\n"
        "            seen.append(1)\n            await asyncio.sleep(0)\n"
        "            while not release.is_set():\n                await asyncio.sleep(0)\n"
        "    return 1\n",
    )

    async def test() -> None:
        assert (await house.reply(function)).status == 504
        assert function.concurrency.running == 1
        state(function)["release"].set()
        await until(lambda: function.concurrency.running == 0)

    run(test)


def test_a_result_that_comes_after_the_deadline_is_504(house: Any) -> None:
    function = made(
        house,
        "async def f() -> int:\n    try:\n        await asyncio.sleep(60)\n"
        "    except asyncio.CancelledError:\n        return 1\n",
    )
    assert house.ask(function).status == 504


def test_a_thread_past_its_deadline_keeps_its_place_until_it_ends(house: Any) -> None:
    function = made(
        house,
        "def f(n: int) -> int:\n    seen.append(n)\n    release.wait()\n    return n\n",
        SHORT + ", concurrency=1",
    )

    async def test() -> None:
        first = asyncio.ensure_future(house.reply(function, house.call(query="n=1")))
        await until(lambda: state(function)["seen"] == [1])
        replies = [await first, await house.reply(function, house.call(query="n=2"))]
        assert [reply.status for reply in replies] == [504, 504]
        assert state(function)["seen"] == [1]
        assert function.concurrency.running == 1
        state(function)["release"].set()
        await until(lambda: function.concurrency.running == 0)
        function.timeout = 60
        assert (await house.reply(function, house.call(query="n=3"))).body == b"3"

    run(test)


def test_no_more_than_concurrency_run_at_once_and_in_order(house: Any) -> None:
    function = made(
        house,
        "async def f(n: int) -> int:\n    seen.append(n)\n    now = len(seen) - len(ended)\n"
        "    await asyncio.sleep(0)\n    ended.append(n)\n    return now\n\nended = []\n",
        "concurrency=3",
    )

    async def test() -> None:
        replies = await asyncio.gather(
            *[house.reply(function, house.call(query=f"n={n}")) for n in range(20)]
        )
        assert max(int(reply.body) for reply in replies) == 3
        assert state(function)["seen"] == list(range(20))

    run(test)


def test_over_the_queue_it_is_503_with_retry_after(house: Any) -> None:
    function = made(
        house,
        "async def f() -> int:\n    while not release.is_set():\n        await asyncio.sleep(0)\n"
        "    return 1\n",
        "concurrency=1",
    )
    function.concurrency.queue = 1

    async def test() -> None:
        first, second = function.invoke(house.call()), function.invoke(house.call())
        third = function.invoke(house.call())
        assert isinstance(third, Reply)
        assert third.status == 503
        assert (b"retry-after", b"1") in third.fields
        state(function)["release"].set()
        assert [(await first).status, (await second).status] == [200, 200]  # type: ignore[misc]

    run(test)


def test_a_queued_call_past_its_deadline_is_504_and_never_runs(house: Any) -> None:
    function = made(
        house,
        "async def f(n: int) -> int:\n    seen.append(n)\n    while not release.is_set():\n"
        "        try:\n            await asyncio.sleep(0)\n"
        "        except asyncio.CancelledError:\n            pass\n    return n\n",
        SHORT + ", concurrency=1",
    )

    async def test() -> None:
        first = function.invoke(house.call(query="n=1"))
        assert (await house.reply(function, house.call(query="n=2"))).status == 504
        assert not function.concurrency.waiting
        state(function)["release"].set()
        assert (await first).status == 504  # type: ignore[misc]
        function.timeout = 60
        assert (await house.reply(function, house.call(query="n=3"))).body == b"3"
        assert state(function)["seen"] == [1, 3]

    run(test)


def test_a_queued_call_runs_in_its_own_context(house: Any) -> None:
    function = made(
        house,
        "async def f() -> str:\n    await asyncio.sleep(0)\n    return NAME.get()\n\n"
        "NAME = __import__('contextvars').ContextVar('name')\n",
        "concurrency=1",
    )
    name = state(function)["NAME"]

    async def test() -> None:
        flights = []
        for caller in ("ada", "bob"):
            name.set(caller)
            flights.append(function.invoke(house.call()))
        assert [(await flight).body for flight in flights] == [b"ada", b"bob"]  # type: ignore[misc]

    run(test)


def test_a_caller_that_leaves_ends_the_function(house: Any) -> None:
    function = made(
        house,
        "async def f() -> int:\n    try:\n        await asyncio.sleep(60)\n    finally:\n"
        "        seen.append('cleaned')\n",
        "",
    )

    async def test() -> None:
        waiting = asyncio.ensure_future(house.reply(function))
        await until(lambda: function.concurrency.running == 1)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await until(lambda: function.concurrency.running == 0)
        assert state(function)["seen"] == ["cleaned"]

    run(test)


def test_a_stopping_loop_is_honoured(house: Any) -> None:
    function = made(
        house,
        "async def f() -> int:\n    try:\n        await asyncio.sleep(60)\n    finally:\n"
        "        seen.append('cleaned')\n",
        "",
    )

    async def test() -> None:
        function.invoke(house.call())
        await asyncio.sleep(0)

    run(test)  # cancels what is left, and would hang if that were not honoured
    assert state(function)["seen"] == ["cleaned"]
    assert function.concurrency.running == 0


def test_a_failing_get_is_tried_again_as_often_as_it_says(house: Any, caplog: Any) -> None:
    body = (
        "{kind} f(n: int) -> int:\n    seen.append(n)\n    if len(seen) < n:\n"
        "        raise OSError\n    return n\n"
    )
    for kind in ("async def", "def"):
        function = made(house, body.format(kind=kind), "retries=2, backoff=0")
        assert house.ask(function, house.call(query="n=3")).body == b"3"
        state(function)["seen"].clear()
        assert house.ask(function, house.call(query="n=9")).status == 500
        assert state(function)["seen"] == [9, 9, 9]


def test_a_reject_is_not_tried_again(house: Any) -> None:
    function = made(
        house,
        "async def f() -> int:\n    seen.append(1)\n    raise Reject(404)\n",
        "retries=2, backoff=0",
    )
    assert house.ask(function).status == 404
    assert state(function)["seen"] == [1]


def test_a_retry_ends_at_the_deadline(house: Any) -> None:
    function = made(
        house,
        "async def f() -> int:\n    seen.append(1)\n    raise OSError\n",
        SHORT + ", retries=9, backoff=60",
    )
    assert house.ask(function).status == 504
    assert state(function)["seen"] == [1]


# What a transaction promises.

WRITE = "async def f({0}tx: Tx) -> {1}:\n    await tx.execute('row')\n"


def test_what_a_function_wrote_is_committed_before_the_reply(house: Any) -> None:
    function = made(house, WRITE.format("", "int") + "    return 1\n", "", "post")
    assert house.ask(function).status == 200
    assert (house.ledger.entries, house.ledger.events) == (["row"], ["commit"])
    assert house.ledger.opened[0][0] is False


def test_a_get_reads_only_and_has_the_calls_deadline(house: Any) -> None:
    function = made(house, WRITE.format("", "int") + "    return 1\n", "timeout=9")
    call = house.call(method="HEAD")
    assert house.ask(function, call).status == 200
    assert house.ledger.opened == [(True, call.deadline)]


@pytest.mark.parametrize(
    ("ending", "status", "kept"),
    [
        ("    raise Reject(409)\n", 409, False),
        ("    raise ValueError\n", 500, False),
        ("    raise SystemExit\n", 500, False),
        ("    raise asyncio.CancelledError\n", 500, False),
        ("    return object()\n", 500, False),
        ("    return Reply(409)\n", 409, True),
        ("    return None\n", 204, True),
    ],
)
def test_what_is_raised_rolls_back_and_what_is_returned_commits(
    house: Any, ending: str, status: int, kept: bool
) -> None:
    function = made(house, WRITE.format("", "object") + ending, "", "post")
    assert house.ask(function).status == status
    assert house.ledger.entries == (["row"] if kept else [])
    assert house.ledger.events == ["commit" if kept else "rollback"]


def test_past_the_deadline_it_rolls_back(house: Any) -> None:
    function = made(house, WRITE.format("", "int") + "    await asyncio.sleep(60)\n", SHORT, "post")
    assert house.ask(function).status == 504
    assert house.ledger.events == ["rollback"]


def test_a_function_that_hides_its_cancellation_rolls_back(house: Any) -> None:
    body = WRITE.format("", "int") + (
        "    try:\n        await asyncio.sleep(60)\n    except asyncio.CancelledError:\n"
        "        return 1\n"
    )
    assert house.ask(made(house, body, SHORT, "post")).status == 504
    assert house.ledger.events == ["rollback"]


def test_a_commit_that_has_begun_is_not_cut_by_the_deadline(house: Any) -> None:
    function = made(house, WRITE.format("", "int") + "    return 1\n", SHORT, "post")

    async def long() -> None:
        (_, deadline) = house.ledger.opened[0]
        await until(lambda: monotonic() > deadline + 0.005)
        await asyncio.sleep(0)  # the timer has had its turn

    house.ledger.committing = long
    assert house.ask(function).status == 200
    assert house.ledger.entries == ["row"]


def test_a_commit_that_has_begun_is_not_cut_when_the_caller_leaves(house: Any) -> None:
    function = made(house, WRITE.format("", "int") + "    return 1\n", "", "post")

    async def test() -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def commit() -> None:
            begun.set()
            await go.wait()

        house.ledger.committing = commit
        waiting = asyncio.ensure_future(house.reply(function))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.set()
        await until(lambda: function.concurrency.running == 0)
        assert house.ledger.events == ["commit"]

    run(test)


def test_a_function_that_cancels_itself_does_not_break_its_commit(house: Any) -> None:
    body = WRITE.format("", "int") + "    asyncio.current_task().cancel()\n    return 1\n"
    function = made(house, body, "", "post")

    async def commit() -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    house.ledger.committing = commit
    assert house.ask(function).status == 200
    assert house.ledger.events == ["commit"]


def test_a_store_that_does_not_answer_is_503(house: Any, caplog: Any) -> None:
    function = made(house, WRITE.format("", "int") + "    return 1\n", "", "post")
    house.ledger.fails = Unavailable("locked")
    reply = house.ask(function)
    assert reply.status == 503
    assert (b"retry-after", b"1") in reply.fields
    assert house.ledger.events == ["rollback"]


def test_a_commit_that_fails_is_no_success(house: Any, caplog: Any) -> None:
    function = made(house, WRITE.format("", "int") + "    return 1\n", "", "post")

    async def fail() -> None:
        raise OSError("disk full")

    house.ledger.committing = fail
    reply = house.ask(function)
    assert reply.status == 500
    assert b"disk" not in json.loads(reply.body)["detail"].encode()
    assert house.ledger.entries == []
    assert house.ledger.events == ["rollback"]


def test_a_database_that_cannot_be_had_is_500(house: Any, caplog: Any) -> None:
    function = made(house, WRITE.format("", "int") + "    return 1\n", "", "post")

    def none() -> Any:
        raise LookupError("no database")

    function.resources = Resources(database=none)
    assert house.ask(function).status == 500
    assert function.concurrency.running == 0

"""A stream goes at its client's pace, has time for each piece, and ends when nobody reads."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from neurova.endpoints.function import ConcurrentFunction, DirectFunction
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply

HEAD = """
from neurova import *
import asyncio, threading
seen, release = [], threading.Event()
"""
COUNT = """
@get("/x", {options})
{kind} f():
    try:
        for n in range(1000):
            seen.append(n)
            yield n
    finally:
        seen.append("end")
"""
HANGS = """
@get("/x", timeout=0.01)
async def f():
    try:
        {first}
        await asyncio.Event().wait()
        yield 2
    finally:
        seen.append("end")
"""


def seen(function: Any) -> list[Any]:
    return inspect.unwrap(function.handler).__globals__["seen"]  # type: ignore[no-any-return]


def made(house: Any, body: str, **said: str) -> ConcurrentFunction:
    function = house.function(HEAD + body.format(**{"options": "", "kind": "async def", **said}))
    assert isinstance(function, ConcurrentFunction)
    return function


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0)


async def begun(house: Any, function: Any, basin: Any, timeout: float = 60) -> StreamReply:
    """Begin a stream; `timeout` holds from its first piece on."""
    function.timeout = 60
    reply = await house.reply(function)
    assert isinstance(reply, StreamReply)
    function.timeout = timeout
    reply.start(basin)
    return reply


def test_nothing_is_made_ahead_of_a_client_that_does_not_read(house: Any, basin: Any) -> None:
    function, into = made(house, COUNT), basin()
    into.open.clear()

    async def test() -> None:
        reply = await begun(house, function, into)
        for _ in range(100):
            await asyncio.sleep(0)
        assert seen(function) == [0]
        into.open.set()
        await asyncio.wait((reply.task,))
        assert len(into.pieces) == 1000
        assert into.ended == 0

    run(test)


def test_a_source_that_never_waits_leaves_the_loop_to_others(house: Any, basin: Any) -> None:
    function, into = made(house, COUNT), basin()

    async def test() -> None:
        await begun(house, function, into)
        await until(lambda: len(into.pieces) > 1)
        assert len(into.pieces) < 1000

    run(test)


def test_who_leaves_stops_the_generator_where_it_waits(house: Any, basin: Any) -> None:
    function, into = made(house, HANGS, first="yield 1"), basin()

    async def test() -> None:
        reply = await begun(house, function, into)
        await until(lambda: len(into.pieces) == 1)
        reply.disconnect()
        await asyncio.wait((reply.task,))
        assert seen(function) == ["end"]
        assert function.concurrency.running == 0

    run(test)


def test_who_leaves_stops_a_generator_that_waits_for_its_client(house: Any, basin: Any) -> None:
    for kind in ("async def", "def"):
        function, into = made(house, COUNT, kind=kind), basin()
        into.open.clear()

        async def test(function: Any = function, into: Any = into) -> None:
            reply = await begun(house, function, into)
            await until(lambda: len(into.pieces) == 1)
            reply.disconnect()
            await asyncio.wait((reply.task,))
            assert seen(function) == [0, "end"]

        run(test)


def test_a_reply_that_no_door_takes_stops_its_generator(house: Any) -> None:
    function = made(house, COUNT)

    async def test() -> None:
        reply = await house.reply(function)
        reply.disconnect()
        await asyncio.wait((reply.task,))
        assert seen(function) == [0, "end"]

    run(test)


def test_a_first_piece_that_is_late_is_504(house: Any) -> None:
    function = made(house, HANGS, first="pass")
    assert house.ask(function).status == 504
    assert seen(function) == ["end"]


def test_a_later_piece_that_is_late_cuts_the_stream(house: Any, basin: Any, caplog: Any) -> None:
    function, into = made(house, HANGS, first="yield 1"), basin()

    async def test() -> None:
        reply = await begun(house, function, into, 0.01)
        await asyncio.wait((reply.task,))
        assert into.pieces == [b"1\n"]
        assert into.ended == 504
        assert seen(function) == ["end"]
        assert "within 0.01 s" in caplog.text

    run(test)


def test_the_time_that_the_client_takes_is_not_the_functions(house: Any, basin: Any) -> None:
    function, into = made(house, COUNT), basin()
    into.open.clear()

    async def test() -> None:
        reply = await begun(house, function, into, 0.1)
        outlet, looks = reply.stream, 0
        while looks < 3:  # its clock has struck so often
            timer = outlet._timer
            await until(lambda timer=timer: outlet._timer is not timer)
            looks += 1
        assert into.ended is None
        function.timeout = 60
        into.open.set()
        await asyncio.wait((reply.task,))
        assert into.ended == 0

    run(test)


def test_a_thread_past_its_time_keeps_its_place_and_its_stream_is_cut(
    house: Any, basin: Any
) -> None:
    function = made(
        house,
        '@get("/x")\ndef f():\n    yield 1\n    release.wait()\n'
        "    seen.append('late')\n    yield 2\n",
    )
    into = basin()

    async def test() -> None:
        reply = await begun(house, function, into, 0.01)
        await until(lambda: into.ended is not None)
        assert (into.ended, function.concurrency.running, seen(function)) == (504, 1, [])
        function.handler.__wrapped__.__globals__["release"].set()
        await asyncio.wait((reply.task,))
        assert (into.pieces, function.concurrency.running) == ([b"1\n"], 0)

    run(test)


def test_a_stream_holds_its_place_until_it_ends(house: Any, basin: Any) -> None:
    function, into = made(house, COUNT, options="concurrency=1"), basin()
    into.open.clear()

    async def test() -> None:
        first = await begun(house, function, into)
        second = asyncio.ensure_future(house.reply(function))
        for _ in range(100):
            await asyncio.sleep(0)
        assert (function.concurrency.running, len(function.concurrency.waiting)) == (1, 1)
        into.open.set()
        await asyncio.wait((first.task,))
        (await second).disconnect()

    run(test)


def test_a_stream_that_a_function_returns_at_once_has_places_too(house: Any, basin: Any) -> None:
    function = house.function(
        HEAD + '@get("/x", concurrency=1)\nasync def f(n: int):\n'
        "    return iter('ab') if n else 0\n"
    )
    assert isinstance(function, DirectFunction)

    async def test() -> None:
        assert isinstance(function.invoke(house.call(query="n=0")), Reply)
        first = await house.reply(function, house.call(query="n=1"))
        function.concurrency.queue = 0
        busy = function.invoke(house.call(query="n=1"))
        assert isinstance(busy, Reply)
        assert busy.status == 503
        first.disconnect()
        await asyncio.wait((first.task,))
        reply, into = await house.streamed(function, house.call(query="n=1"))
        assert (reply.content_type, into.pieces) == (b"text/plain; charset=utf-8", [b"a", b"b"])

    run(test)


def test_cancelling_what_runs_cuts_the_stream(house: Any, basin: Any) -> None:
    """As the server does when its time to drain is over."""
    function, into = made(house, HANGS, first="yield 1"), basin()

    async def test() -> None:
        reply = await begun(house, function, into)
        await until(lambda: len(into.pieces) == 1)
        reply.task.cancel()
        await asyncio.wait((reply.task,))
        assert (into.ended, seen(function)) == (503, ["end"])

    run(test)

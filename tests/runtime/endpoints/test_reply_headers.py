"""What a description adds to replies is added to all of them, and costs the others nothing."""

import asyncio
from datetime import date
from typing import Any

import pytest

from neurova import mount
from neurova.endpoints.reply_headers import ReplyHeaders, with_reply_headers

HEAD = "from neurova import *\nimport asyncio\nfrom datetime import date\n"


def made(house: Any, options: str, body: str = "    return 1\n", kind: str = "async def") -> Any:
    return with_reply_headers(house.function(f'{HEAD}@get("/x", {options})\n{kind} f():\n{body}'))


def test_a_function_that_says_nothing_is_called_itself(house: Any) -> None:
    function = house.function(HEAD + '@get("/x")\nasync def f():\n    return 1\n')
    assert with_reply_headers(function) is function


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize("wait", ["", "    await asyncio.sleep(0)\n"])
def test_a_cached_function_is_cached_however_it_runs(house: Any, kind: str, wait: str) -> None:
    wait = wait if kind == "async def" else ""
    called = made(house, 'cache="60s"', wait + "    return 1\n", kind)
    fields = dict(house.ask(called).fields)
    assert fields[b"cache-control"] == b"private, max-age=60"
    call = house.call(headers={"if-none-match": fields[b"etag"].decode()})
    assert house.ask(called, call).status == 304


def test_a_deprecated_function_says_since_when_and_until_when(house: Any) -> None:
    called = made(house, "deprecated=date(2026, 1, 2), sunset=date(2027, 1, 2)")
    call = house.call()
    assert house.ask(called, call).status == 200
    assert call.reply_fields == [
        (b"deprecation", b"@1767312000"),
        (b"sunset", b"Sat, 02 Jan 2027 00:00:00 GMT"),
    ]


def test_without_a_date_there_is_nothing_to_say(house: Any) -> None:
    assert not isinstance(made(house, "deprecated=True"), ReplyHeaders)


def test_its_refusals_say_it_too(house: Any) -> None:
    called = made(house, "deprecated=date(2026, 1, 2)", "    raise Reject(404)\n")
    call = house.call()
    assert house.ask(called, call).status == 404
    assert call.reply_fields


def test_who_cancels_the_reply_cancels_the_function(house: Any) -> None:
    called = made(
        house,
        'cache="60s"',
        "    try:\n        await asyncio.Event().wait()\n    finally:\n        seen.append(1)\n",
    )
    seen: list[int] = []
    called.endpoint.handler.__globals__["seen"] = seen

    async def test() -> None:
        answer = called.invoke(house.call())
        await asyncio.sleep(0)
        answer.cancel()
        await asyncio.wait((answer,))
        assert answer.cancelled()
        while not seen:
            await asyncio.sleep(0)

    asyncio.run(test())


def test_a_stream_passes_through_and_ends_when_its_caller_leaves(house: Any) -> None:
    called = made(house, 'cache="60s"', "    yield 1\n    await asyncio.Event().wait()\n")

    async def test() -> None:
        answer = called.invoke(house.call())
        assert answer.streams
        answer.disconnect()
        await asyncio.wait((answer,))
        assert answer.cancelled()
        reply = await called.invoke(house.call())
        reply.disconnect()
        await asyncio.wait((reply.task,))
        assert called.endpoint.concurrency.running == 0

    asyncio.run(test())


def test_a_mount_may_be_deprecated_too() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    assert mount("/a", app, sunset=date(2027, 1, 1)).description.sunset == date(2027, 1, 1)

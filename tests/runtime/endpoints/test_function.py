"""Calling a function never raises, and costs no task when it need not wait."""

import asyncio
import contextvars
import json
import logging
from typing import Any

import pytest

from neurova.endpoints.function import ConcurrentFunction, DirectFunction
from neurova.http.reply import Reply

HEAD = "from neurova import *\nimport asyncio, contextlib, threading\n"
NAME = contextvars.ContextVar("name", default="outer")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("async def f() -> int:\n    return 1", DirectFunction),
        ("async def f() -> list:\n    return [n for n in range(3)]", DirectFunction),
        ("async def f() -> int:\n    await asyncio.sleep(0)\n    return 1", ConcurrentFunction),
        (
            "async def f() -> int:\n    async with asyncio.Lock():\n        return 1",
            ConcurrentFunction,
        ),
        ("async def f() -> list:\n    return [n async for n in g()]", ConcurrentFunction),
        ("async def f() -> int:\n    async for n in g():\n        return n", ConcurrentFunction),
        ("async def f(tx: Tx) -> int:\n    return 1", ConcurrentFunction),
        ("def f() -> int:\n    return 1", ConcurrentFunction),
    ],
)
def test_only_what_may_wait_gets_a_task(house: Any, body: str, kind: type) -> None:
    source = HEAD + "async def g():\n    yield 1\n\n" + f'@get("/x")\n{body}\n'
    function = house.function(source)
    assert isinstance(function, kind)
    assert house.ask(function).status == 200
    if kind is DirectFunction:
        assert isinstance(function.invoke(house.call()), Reply)


def test_a_function_that_says_retries_waits(house: Any) -> None:
    source = HEAD + '@get("/x", retries=1)\nasync def f() -> int:\n    return 1\n'
    assert isinstance(house.function(source), ConcurrentFunction)


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize("wait", ["", "    await asyncio.sleep(0)\n"])
@pytest.mark.parametrize(
    "error",
    [
        "ValueError('secret')",
        "SystemExit(1)",
        "KeyboardInterrupt",
        "GeneratorExit",
        "asyncio.CancelledError",
        "StopIteration",
        "StopAsyncIteration",
        "RecursionError",
        "MemoryError",
        "BaseException('secret')",
        # What cannot be said to the caller.
        "Reject(409, {'secret': 1})",
        "Reject(409, None)",
        "Reject(409, title=1)",
        "Reject(409, errors=[{'pointer': '/secret'}])",
        "Reject(409, errors=[Fault('/a', None)])",
        "Reject(409, headers={'x': 'secret\\r\\n'})",
        "Reject(409, headers={'x': 1})",
    ],
)
def test_whatever_a_function_raises_hurts_its_call_only(
    house: Any, caplog: Any, kind: str, wait: str, error: str
) -> None:
    if kind == "def":
        wait = ""
    function = house.function(
        HEAD + f'@get("/x/{{bad}}")\n{kind} f(bad: bool) -> int:\n{wait}'
        f"    if bad:\n        raise {error}\n    return 1\n"
    )

    async def three() -> list[Reply]:
        return [await house.reply(function, house.call(bad=bad)) for bad in ("0", "1", "0")]

    before, failed, after = asyncio.run(three())
    assert (before.status, failed.status, after.status) == (200, 500, 200)
    assert b"secret" not in failed.body
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("kind", ["async def", "def"])
def test_a_reject_is_its_problem_and_is_not_logged(house: Any, caplog: Any, kind: str) -> None:
    function = house.function(
        HEAD + f'@get("/x")\n{kind} f() -> int:\n    raise Reject(409, "sold")\n'
    )
    assert house.ask(function).status == 409
    assert not caplog.records


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize("wait", ["", "    await asyncio.sleep(0)\n"])
def test_a_reject_that_cannot_be_sent_is_answered_and_frees_its_place(
    house: Any, caplog: Any, kind: str, wait: str
) -> None:
    wait = "" if kind == "def" else wait
    function = house.function(
        HEAD + f'@get("/x", timeout=5, concurrency=1)\n{kind} f() -> int:\n{wait}'
        '    raise Reject(409, headers={"x-a": "a\\nb"})\n'
    )

    async def twice() -> list[Reply]:
        calls = [house.reply(function, house.call()) for _ in range(2)]
        return [await asyncio.wait_for(each, 3) for each in calls]

    assert [reply.status for reply in asyncio.run(twice())] == [500, 500]
    assert len(caplog.records) == 2


@pytest.mark.parametrize("kind", ["async def", "def"])
def test_what_cannot_be_encoded_is_500_without_internals(
    house: Any, caplog: Any, kind: str
) -> None:
    function = house.function(HEAD + f'@get("/x")\n{kind} f() -> object:\n    return object()\n')
    reply = house.ask(function)
    assert reply.status == 500
    assert b"object" not in json.loads(reply.body)["detail"].encode()
    assert len(caplog.records) == 1


def test_the_status_is_the_decorators_when_the_function_says_none(house: Any) -> None:
    source = HEAD + '@post("/x", status=201)\nasync def f(a: int) -> object:\n'
    source += '    return {1: {}, 2: None, 3: Reply(202), 4: "t"}[a]\n'
    function = house.function(source)
    statuses = [house.ask(function, house.call(query=f"a={a}")).status for a in (1, 2, 3, 4)]
    assert statuses == [201, 204, 202, 201]


@pytest.mark.parametrize(
    "body",
    [
        "async def f() -> str:\n    before = NAME.get()\n    NAME.set('f')\n    return before",
        "async def f() -> str:\n    await asyncio.sleep(0)\n    before = NAME.get()\n"
        "    NAME.set('f')\n    return before",
        "def f() -> str:\n    before = NAME.get()\n    NAME.set('f')\n    return before",
    ],
)
def test_a_function_sees_its_callers_context_and_does_not_change_it(house: Any, body: str) -> None:
    function = house.function(
        HEAD + "NAME = __import__('contextvars').ContextVar('n')\n" + f'@get("/x")\n{body}\n'
    )
    name = function.handler.__globals__["NAME"]

    async def call() -> None:
        name.set("caller")
        assert (await house.reply(function)).body == b"caller"
        assert (await house.reply(function)).body == b"caller"
        assert name.get() == "caller"

    asyncio.run(call())


def test_a_waiting_function_is_a_real_task(house: Any) -> None:
    function = house.function(
        HEAD
        + """
@get("/x")
async def f() -> list:
    async def one():
        await asyncio.sleep(0)
        return asyncio.current_task() is not None
    async with asyncio.timeout(5):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one()) for _ in range(2)]
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(60)
    except TimeoutError:
        return [task.result() for task in tasks]
"""
    )
    assert house.ask(function).body == b"[true,true]"


def test_head_is_answered_by_the_function_of_get(house: Any) -> None:
    function = house.function(HEAD + '@get("/x")\nasync def f() -> int:\n    return 1\n')
    assert house.ask(function, house.call(method="HEAD")).body == b"1"


def test_a_plain_function_runs_in_another_thread(house: Any) -> None:
    function = house.function(
        HEAD + '@get("/x")\ndef f() -> bool:\n'
        "    return threading.current_thread() is threading.main_thread()\n"
    )
    assert house.ask(function).body == b"false"


def test_a_decorated_handler_keeps_its_signature(house: Any) -> None:
    function = house.function(
        HEAD
        + """
import functools
def loud(f):
    @functools.wraps(f)
    async def inner(*args):
        return (await f(*args)) + "!"
    return inner

@get("/x/{name}")
@loud
async def f(name: str) -> str:
    return name
"""
    )
    assert house.ask(function, house.call(name="ada")).body == b"ada!"


def test_a_function_knows_what_people_ask_about_it(house: Any) -> None:
    house.write("shop", sell=HEAD + '\n@get("/x")\nasync def f():\n    """Sell.\n\n    Now."""\n')
    (function,) = house.load("shop").functions
    assert (function.name, function.service, function.file, function.line, function.doc) == (
        "shop.f",
        "shop",
        "functions/shop/sell.py",
        4,
        "Sell.\n\nNow.",
    )

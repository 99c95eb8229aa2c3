"""A call with an Idempotency-Key runs once, and its duplicates have the answer of the first."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.runtime.shop import ADA, HEAD, KINDS, WRITE, Shop, replayed, until

from neurova.endpoints.function import ConcurrentFunction, DirectFunction
from neurova.http.caller import Caller
from neurova.idempotency.rules import REPLAYED


def test_the_answer_of_the_first_is_given_again_and_nothing_runs(shop: Shop) -> None:
    shop.serve(WRITE + "return Reply(201, {'n': n, 'ran': len(ran)}, {'Location': '/x/1'})\n")

    async def test() -> None:
        first, second = await shop.ask(), await shop.ask('"k"')
        assert (first.status, first.body) == (201, b'{"n":1,"ran":1}')
        assert not replayed(first)
        assert (second.status, second.body, second.content_type) == (
            first.status,
            first.body,
            first.content_type,
        )
        assert second.fields == [(b"location", b"/x/1"), REPLAYED]
        assert (shop.ran, await shop.notes()) == (1, [1])

    shop.run(test)


def test_without_the_field_each_call_runs(shop: Shop) -> None:
    shop.serve(WRITE + "return n\n")

    async def test() -> None:
        for _ in range(2):
            assert not replayed(await shop.ask(None))
        assert await shop.notes() == [1, 1]

    shop.run(test)


@pytest.mark.parametrize("kind", KINDS)
def test_of_many_at_once_one_runs_whatever_the_function_is(shop: Shop, kind: str) -> None:
    signature, options, body = KINDS[kind]
    shop.serve(body + "return {'ran': len(ran)}\n", signature, options)
    assert isinstance(shop.function, DirectFunction if kind == "direct" else ConcurrentFunction)

    async def test() -> None:
        replies = await asyncio.gather(*(shop.ask() for _ in range(50)))
        assert [reply.status for reply in replies] == [201] * 50
        assert {reply.body for reply in replies} == {b'{"ran":1}'}
        assert sum(map(replayed, replies)) == 49
        assert shop.ran == 1

    shop.run(test)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_that_the_function_raises_is_given_again_and_its_writes_are_undone(
    shop: Shop, kind: str
) -> None:
    signature, options, body = KINDS[kind]
    shop.serve(
        body + "raise Reject(409, f'sold {len(ran)}', headers={'X-A': 'b'})\n", signature, options
    )

    async def test() -> None:
        first, second = await shop.ask(), await shop.ask()
        assert (first.status, second.status) == (409, 409)
        assert json.loads(first.body)["detail"] == "sold 1"
        assert second.body == first.body
        assert second.fields == [(b"x-a", b"b"), REPLAYED]
        assert (shop.ran, await shop.notes()) == (1, [])

    shop.run(test)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("raise ValueError", 500),
        ("raise Reject(503)", 503),
        ("raise Reject(429)", 429),
        ("return object()", 500),
        ("return Reply(502)", 502),
    ],
)
def test_what_may_end_otherwise_the_next_time_is_not_kept(
    shop: Shop, caplog: Any, kind: str, ending: str, status: int
) -> None:
    signature, options, body = KINDS[kind]
    shop.serve(
        f"{body}if len(ran) < 2:\n    {ending}\nreturn {{'ran': len(ran)}}\n", signature, options
    )

    async def test() -> None:
        assert (await shop.ask()).status == status
        second = await shop.ask()
        assert (second.status, second.body, replayed(second)) == (201, b'{"ran":2}', False)
        assert (await shop.ask()).body == b'{"ran":2}'
        if "Tx" in kind:
            # What is returned commits, whatever its status.
            assert await shop.notes() == ([1, 1] if ending.startswith("return R") else [1])

    shop.run(test)


def test_another_body_query_or_path_is_422_and_changes_nothing(shop: Shop) -> None:
    shop.serve(WRITE + "return n\n")

    async def test() -> None:
        assert (await shop.ask(n=1)).status == 201
        assert (await shop.ask(n=2)).status == 422
        call = shop.call()
        call.body = b"{}"
        assert (await shop.house.reply(shop.function, call)).status == 422
        call = shop.call()
        call.params = {"room": "7"}
        assert (await shop.house.reply(shop.function, call)).status == 422
        assert (await shop.ask(n=1)).status == 201
        assert await shop.notes() == [1]

    shop.run(test)


def test_another_request_that_waits_for_the_first_is_422(shop: Shop) -> None:
    shop.serve("await go.wait()\nreturn n\n")

    async def test() -> None:
        first = asyncio.ensure_future(shop.ask(n=1))
        await until(lambda: shop.ran == 1)
        other = asyncio.ensure_future(shop.ask(n=2))
        await asyncio.sleep(0)
        shop.state["go"].set()
        assert [(await first).status, (await other).status] == [201, 422]

    shop.run(test)


def test_another_consumer_or_environment_has_keys_of_its_own(shop: Shop) -> None:
    shop.serve(WRITE + "return len(ran)\n")

    async def test() -> None:
        callers = [ADA, Caller("bob"), Caller("ada", environment="test")]
        first = [(await shop.ask(caller=caller)).body for caller in callers]
        assert first == [b"1", b"2", b"3"]
        assert [(await shop.ask(caller=caller)).body for caller in callers] == first

    shop.run(test)


def test_past_its_time_an_answer_is_forgotten(shop: Shop) -> None:
    shop.serve("return len(ran)\n")

    async def test() -> None:
        assert (await shop.ask()).body == b"1"
        shop.now += 86_400 - 1
        assert (await shop.ask()).body == b"1"
        shop.now += 1
        assert (await shop.ask()).body == b"2"
        assert (await shop.ask()).body == b"2"

    shop.run(test)


def test_what_is_refused_before_the_function_is_not_kept(shop: Shop) -> None:
    shop.serve(WRITE + "return n\n")

    async def test() -> None:
        call = shop.call()
        call.query = b"n=x"
        assert (await shop.house.reply(shop.function, call)).status == 422
        assert (await shop.ask('"')).status == 400
        assert (await shop.ask(caller=Caller())).status == 400
        assert (await shop.ask(caller=None)).status == 400
        assert shop.ran == 0
        assert (await shop.ask()).status == 201

    shop.run(test)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "get"])
def test_the_field_means_nothing_but_in_post(house: Any, method: str) -> None:
    source = f'{HEAD}\n@{method}("/x")\nasync def f() -> int:\n    ran.append(1)\n    return 1\n'
    function = house.function(source)
    call = house.call(method=method.upper(), headers={"idempotency-key": '"'})
    assert [house.ask(function, call).status for _ in range(2)] == [200, 200]
    assert len(function.handler.__globals__["ran"]) == 2

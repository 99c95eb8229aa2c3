"""A call with an Idempotency-Key runs once; duplicates get its response."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.runtime.keyed_function import KINDS, WRITE, KeyedFunction, is_replayed
from tests.runtime.project import Project, module_of, until

from neurova.endpoints.function import ConcurrentFunction, DirectFunction
from neurova.http.caller import Caller
from neurova.idempotency.rules import REPLAYED

by_kind = pytest.mark.parametrize("kind", KINDS)


def define(keyed: KeyedFunction, kind: str, ending: str) -> None:
    signature, keyword, body = KINDS[kind]
    keyed.define(body + ending, signature, kind=keyword)


async def test_duplicate_gets_the_reply_and_does_not_run(keyed: KeyedFunction) -> None:
    keyed.define(WRITE + "return Reply(201, {'n': n, 'runs': len(runs)}, {'Location': '/x/1'})")
    first, second = await keyed.reply(), await keyed.reply('"k"')
    assert (first.status, first.body) == (201, b'{"n":1,"runs":1}')
    assert not is_replayed(first)
    assert (second.status, second.body) == (first.status, first.body)
    assert second.content_type == first.content_type
    assert second.fields == [(b"location", b"/x/1"), REPLAYED]
    assert (keyed.runs, await keyed.notes()) == (1, [1])
    assert not is_replayed(await keyed.reply(None))
    assert await keyed.notes() == [1, 1]


@by_kind
async def test_one_of_many_at_once_runs(keyed: KeyedFunction, kind: str) -> None:
    define(keyed, kind, "return {'runs': len(runs)}")
    expected = DirectFunction if kind == "direct" else ConcurrentFunction
    assert isinstance(keyed.function, expected)
    replies = await asyncio.gather(*(keyed.reply() for _ in range(50)))
    assert [reply.status for reply in replies] == [201] * 50
    assert {reply.body for reply in replies} == {b'{"runs":1}'}
    assert sum(map(is_replayed, replies)) == 49
    assert keyed.runs == 1


@by_kind
@pytest.mark.parametrize("ending", ["raise {}", "raise ExceptionGroup('group', [{}])"])
async def test_reject_is_replayed_and_its_writes_are_undone(
    keyed: KeyedFunction, kind: str, ending: str
) -> None:
    define(keyed, kind, ending.format("Reject(409, f'sold {len(runs)}', headers={'X-A': 'b'})"))
    first, second = await keyed.reply(), await keyed.reply()
    assert (first.status, second.status) == (409, 409)
    assert json.loads(first.body)["detail"] == "sold 1"
    assert second.body == first.body
    assert second.fields == [(b"x-a", b"b"), REPLAYED]
    assert (keyed.runs, await keyed.notes()) == (1, [])


@by_kind
@pytest.mark.parametrize(
    ("ending", "status"),
    [("raise ValueError", 500), ("raise Reject(503)", 503), ("return Reply(502)", 502)],
)
async def test_temporary_failure_is_not_stored(
    keyed: KeyedFunction, caplog: Any, kind: str, ending: str, status: int
) -> None:
    define(keyed, kind, f"if len(runs) < 2:\n    {ending}\nreturn {{'runs': len(runs)}}")
    assert (await keyed.reply()).status == status
    second = await keyed.reply()
    assert (second.status, second.body, is_replayed(second)) == (201, b'{"runs":2}', False)
    assert (await keyed.reply()).body == b'{"runs":2}'
    if kind == "with a Tx":  # a returned response commits, whatever its status
        assert await keyed.notes() == ([1, 1] if ending.startswith("return R") else [1])


@pytest.mark.parametrize(("n", "called"), [(1, [1]), (2, [])], ids=["reply", "reject"])
async def test_callbacks_run_once_and_not_for_a_stored_reject(
    keyed: KeyedFunction, n: int, called: list[int]
) -> None:
    body = "tx.after_commit(events.append, n)\nif n == 2:\n    raise Reject(409)\nreturn n"
    keyed.define(WRITE + body)
    first, second = await keyed.reply(n=n), await keyed.reply(n=n)
    assert (is_replayed(first), is_replayed(second)) == (False, True)
    await until(lambda: keyed.function.concurrency.running == 0)
    assert keyed.module.events == called


async def test_other_request_with_the_key_is_422(keyed: KeyedFunction) -> None:
    keyed.define(WRITE + "return n")
    assert (await keyed.reply(n=1)).status == 201
    assert (await keyed.reply(n=2)).status == 422
    for name, value in (("body", b"{}"), ("params", {"room": "7"})):
        call = keyed.call()
        setattr(call, name, value)
        assert (await keyed.project.reply(keyed.function, call)).status == 422
    assert (await keyed.reply(n=1)).status == 201
    assert await keyed.notes() == [1]


async def test_other_request_that_waits_for_the_key_is_422(keyed: KeyedFunction) -> None:
    keyed.define("await proceed.wait()\nreturn n")
    first = asyncio.ensure_future(keyed.reply(n=1))
    await until(lambda: keyed.runs == 1)
    other = asyncio.ensure_future(keyed.reply(n=2))
    await asyncio.sleep(0)
    keyed.module.proceed.set()
    assert [(await first).status, (await other).status] == [201, 422]


async def test_refusal_before_the_function_is_not_stored(keyed: KeyedFunction) -> None:
    keyed.define(WRITE + "return n")
    call = keyed.call()
    call.query = b"n=x"
    assert (await keyed.project.reply(keyed.function, call)).status == 422
    assert (await keyed.reply('"')).status == 400
    assert (await keyed.reply(caller=Caller())).status == 400
    assert (await keyed.reply(caller=None)).status == 400
    assert keyed.runs == 0
    assert (await keyed.reply()).status == 201


@pytest.mark.parametrize("method", ["put", "patch", "delete", "get"])
async def test_key_is_ignored_except_in_post(project: Project, method: str) -> None:
    function = project.define(
        f"""
        @{method}("/x")
        async def f() -> int:
            events.append(1)
            return 1
        """
    )
    call = project.call(method=method.upper(), headers={"idempotency-key": '"'})
    assert [(await project.reply(function, call)).status for _ in range(2)] == [200, 200]
    assert module_of(function).events == [1, 1]

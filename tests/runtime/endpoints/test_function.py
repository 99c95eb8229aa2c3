"""Calling a function never raises, and needs no task unless the function waits."""

import json
import logging
from typing import Any

import pytest
from tests.runtime.project import Project, module_of

from neurova.endpoints.function import (
    CoroutineFunction,
    DirectFunction,
    ThreadFunction,
    TransactionFunction,
)
from neurova.http.reply import Reply

by_kind = pytest.mark.parametrize(
    ("kind", "wait"),
    [("async def", ""), ("async def", "await asyncio.sleep(0)"), ("def", "")],
    ids=["direct", "coroutine", "thread"],
)


def define(project: Project, *statements: str, kind: str = "async def", options: str = "") -> Any:
    body = "\n    ".join(filter(None, statements))
    return project.define(f'@get("/x"{options})\n{kind} f(n: int = 0) -> object:\n    {body}\n')


@pytest.mark.parametrize(
    ("signature", "body", "expected"),
    [
        ("async def f()", "return 1", DirectFunction),
        ("async def f()", "return [n for n in range(3)]", DirectFunction),
        ("async def f()", "await asyncio.sleep(0)", CoroutineFunction),
        ("async def f()", "async with asyncio.Lock(): return 1", CoroutineFunction),
        ("async def f()", "return [n async for n in numbers()]", CoroutineFunction),
        ("async def f()", "async for n in numbers(): return n", CoroutineFunction),
        ("async def f(tx: Tx)", "return 1", TransactionFunction),
        ("def f()", "return 1", ThreadFunction),
    ],
)
async def test_only_functions_that_may_wait_get_a_task(
    project: Project, signature: str, body: str, expected: type
) -> None:
    function = project.define(
        f"""
        async def numbers():
            yield 1

        @get("/x")
        {signature} -> object:
            {body}
        """
    )
    assert type(function) is expected
    assert (await project.reply(function)).status in (200, 204)
    if expected is DirectFunction:
        assert isinstance(function.invoke(project.call()), Reply)


@by_kind
@pytest.mark.parametrize(
    "error",
    [
        *("ValueError('secret')", "BaseException('secret')", "SystemExit(1)", "KeyboardInterrupt"),
        *("GeneratorExit", "asyncio.CancelledError", "StopIteration", "StopAsyncIteration"),
        *("RecursionError", "MemoryError"),
        # Texts and headers that HTTP cannot carry.
        *("Reject(409, {'secret': 1})", "Reject(409, None)", "Reject(409, title=1)"),
        "Reject(409, errors=[{'pointer': '/secret'}])",
        "Reject(409, errors=[Fault('/a', None)])",
        "Reject(409, headers={'x': 'secret\\r\\n'})",
        "Reject(409, headers={'x': 1})",
    ],
)
async def test_error_affects_its_own_call_only(
    project: Project, caplog: Any, kind: str, wait: str, error: str
) -> None:
    statement = f"if n: raise {error}"
    function = define(project, wait, statement, "return 1", kind=kind, options=", concurrency=1")
    replies = [await project.reply(function, project.call(query=f"n={n}")) for n in (0, 1, 0)]
    assert [reply.status for reply in replies] == [200, 500, 200]
    assert b"secret" not in replies[1].body
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@by_kind
async def test_reject_is_its_problem_and_is_not_logged(
    project: Project, caplog: Any, kind: str, wait: str
) -> None:
    function = define(project, wait, 'raise Reject(409, "sold")', kind=kind)
    reply = await project.reply(function)
    assert (reply.status, json.loads(reply.body)["detail"]) == (409, "sold")
    assert not caplog.records


@pytest.mark.parametrize("ending", ["yield 1", ""], ids=["generator", "plain"])
async def test_reject_in_a_task_group_is_its_problem_and_not_retried(
    project: Project, caplog: Any, ending: str
) -> None:
    function = project.define(
        f"""
        async def refuse():
            events.append(1)
            raise Reject(404)

        @get("/x"{"" if ending else ", retries=2"})
        async def f():
            async with asyncio.TaskGroup() as group:
                group.create_task(refuse())
            {ending}
        """
    )
    assert (await project.reply(function)).status == 404
    assert (module_of(function).events, caplog.records) == ([1], [])


@by_kind
@pytest.mark.parametrize(
    "result",
    ["object()", r"'\ud800'", "{'a': object()}", r"{'a': '\ud800'}", "{'a': iter(())}"],
)
async def test_result_that_cannot_be_encoded_is_500_without_internals(
    project: Project, caplog: Any, kind: str, wait: str, result: str
) -> None:
    reply = await project.reply(define(project, wait, f"return {result}", kind=kind))
    assert (reply.status, "object" in json.loads(reply.body)["detail"]) == (500, False)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("result", "status"), [("{}", 201), ("None", 204), ("Reply(202)", 202), ("'t'", 201)]
)
async def test_status_of_the_decorator_is_the_default(
    project: Project, result: str, status: int
) -> None:
    function = define(project, f"return {result}", options=", status=201")
    assert (await project.reply(function)).status == status


@by_kind
async def test_function_runs_in_a_copy_of_the_callers_context(
    project: Project, kind: str, wait: str
) -> None:
    function = define(
        project, wait, "before = NAME.get()", "NAME.set('f')", "return before", kind=kind
    )
    module: Any = module_of(function)
    module.NAME = module.contextvars.ContextVar("name")
    module.NAME.set("caller")
    for _ in range(2):
        assert (await project.reply(function)).body == b"caller"
    assert module.NAME.get() == "caller"


async def test_coroutine_runs_in_a_real_task(project: Project) -> None:
    function = project.define(
        """
        async def has_task():
            await asyncio.sleep(0)
            return asyncio.current_task() is not None

        @get("/x")
        async def f() -> list:
            async with asyncio.timeout(5):
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(has_task()) for _ in range(2)]
            try:
                async with asyncio.timeout(0):
                    await asyncio.sleep(60)
            except TimeoutError:
                return [task.result() for task in tasks]
        """
    )
    assert (await project.reply(function)).body == b"[true,true]"


async def test_decorated_handler_keeps_its_signature(project: Project) -> None:
    function = project.define(
        """
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
    assert (await project.reply(function, project.call(name="ada"))).body == b"ada!"


@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_retry_does_not_see_what_the_first_attempt_changed(
    project: Project, kind: str
) -> None:
    source = f"""
    @get("/x", retries=1, backoff=0)
    {kind} f(numbers: list[int]) -> list[int]:
        numbers.append(2)
        events.append(1)
        if len(events) == 1:
            raise OSError("try again")
        return numbers
    """
    reply = await project.reply(project.define(source), project.call(query="numbers=1"))
    assert reply.body == b"[1,2]"

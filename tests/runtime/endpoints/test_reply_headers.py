"""Every response of a function has the headers from the function's description."""

import asyncio
from typing import Any

import pytest
from tests.runtime.project import Project, module_of, turn_loop, until

from neurova.endpoints.reply_headers import with_reply_headers
from neurova.http.call import Call
from neurova.http.reply import Reply

KEY = "x-api-key, authorization"
DEPENDING = """
from typing import Annotated
from neurova import Caller, Cookie, Deadline, Header, Log, Request, get

"""


def define(project: Project, options: str, *statements: str, kind: str = "async def") -> Any:
    body = "\n    ".join(filter(None, statements)) or "return 1"
    source = f'from datetime import date\n\n@get("/x", {options})\n{kind} f():\n    {body}\n'
    return with_reply_headers(project.define(source))


@pytest.mark.parametrize(
    ("kind", "wait"), [("async def", ""), ("async def", "await asyncio.sleep(0)"), ("def", "")]
)
async def test_cached_function_is_revalidated(project: Project, kind: str, wait: str) -> None:
    endpoint = define(project, 'cache="60s"', wait, "return 1", kind=kind)
    fields = dict((await project.reply(endpoint)).fields)
    assert fields[b"cache-control"] == b"private, max-age=60"
    call = project.call(headers={"if-none-match": fields[b"etag"].decode()})
    assert (await project.reply(endpoint, call)).status == 304


@pytest.mark.parametrize(
    ("parameters", "scope", "vary"),
    [
        ("n: int, log: Log, deadline: Deadline", "public", None),
        ('language: Annotated[str, Header("Accept-Language")]', "public", "accept-language"),
        ("x_a: Annotated[str, Header], b: Annotated[str, Header]", "public", "x-a, b"),
        ('theme: Annotated[str, Cookie("theme")]', "private", f"{KEY}, cookie"),
        ('all: Annotated[str, Header("cookie")]', "private", f"{KEY}, cookie"),
        ("authorization: Annotated[str, Header]", "private", KEY),
        ("caller: Caller, b: Annotated[str, Header]", "private", f"{KEY}, b"),
        ("request: Request", "private", KEY),
    ],
)
async def test_cached_reply_names_what_it_depends_on(
    project: Project, parameters: str, scope: str, vary: str | None
) -> None:
    source = f'@get("/x", public=True, cache="5m")\nasync def f({parameters}) -> int: return 1\n'
    function = with_reply_headers(project.function(DEPENDING + source))
    sent = {
        "accept-language": "de",
        "x-a": "1",
        "b": "2",
        "cookie": "theme=x",
        "authorization": "y",
    }
    fields = dict((await project.reply(function, project.call(query="n=1", headers=sent))).fields)
    assert fields[b"cache-control"].decode() == f"{scope}, max-age=300"
    assert fields.get(b"vary", b"").decode() == (vary or "")


@pytest.mark.parametrize(("statement", "status"), [("return 1", 200), ("raise Reject(404)", 404)])
async def test_replies_have_deprecation_and_sunset(
    project: Project, statement: str, status: int
) -> None:
    options = "deprecated=date(2026, 1, 2), sunset=date(2027, 1, 2)"
    call = project.call()
    assert (await project.reply(define(project, options, statement), call)).status == status
    assert call.reply_fields == [
        (b"deprecation", b"@1767312000"),
        (b"sunset", b"Sat, 02 Jan 2027 00:00:00 GMT"),
    ]


async def test_cancelled_reply_cancels_the_function(project: Project) -> None:
    endpoint = define(
        project,
        'cache="60s"',
        "try: await asyncio.Event().wait()",
        "finally: events.append('cleaned up')",
    )
    reply = endpoint.invoke(project.call())
    await turn_loop(5)
    reply.cancel()
    await asyncio.wait((reply,))
    assert reply.cancelled()
    await until(lambda: module_of(endpoint.endpoint).events == ["cleaned up"])


async def test_stream_passes_through_and_ends_on_disconnect(project: Project) -> None:
    endpoint = define(project, 'cache="60s"', "yield 1", "await asyncio.Event().wait()")
    pending = endpoint.invoke(project.call())
    assert pending.streams
    pending.disconnect()
    await asyncio.wait((pending,))
    assert pending.cancelled()
    reply = await endpoint.invoke(project.call())
    reply.disconnect()
    await asyncio.wait((reply.task,))
    assert endpoint.endpoint.concurrency.running == 0


async def test_failure_to_finish_a_reply_reaches_its_client(project: Project) -> None:
    def finish(call: Call, reply: Reply) -> Reply:
        raise LookupError

    endpoint = define(project, 'cache="60s"', "await asyncio.sleep(0)")
    endpoint.finish = finish
    with pytest.raises(LookupError):
        await endpoint.invoke(project.call())

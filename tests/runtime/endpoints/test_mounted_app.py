"""A mounted app gets the same ASGI requests as under other servers, plus the caller."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from tests.runtime.project import Project, module_of, until

from neurova.http.call import Call
from neurova.http.caller import Caller

SOURCE = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route


@asynccontextmanager
async def lifespan(app):
    yield {"store": "open"}


async def echo(request):
    scope = request.scope
    return JSONResponse({
        **{name: scope[name] for name in ("method", "path", "root_path", "scheme", "client")},
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": (await request.body()).decode(),
        "url": str(request.url),
        "url_for": str(request.url_for("echo", rest="ab")),
        "params": request.path_params,
        "caller": request.state.caller.consumer,
        "store": request.state.store,
    })


async def until_disconnect(request):
    events.append("called")
    while not await request.is_disconnected():
        await asyncio.sleep(0)
    events.append("disconnected")
    return PlainTextResponse("")


async def broken(scope, receive, send):
    raise ValueError("secret")


async def slow(scope, receive, send):
    await asyncio.Event().wait()


app = Starlette(
    routes=[
        Route("/until-disconnect", until_disconnect),
        Route("/{rest:path}", echo, methods=["GET", "POST"]),
    ],
    lifespan=lifespan,
)
"""
Start = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture
def started(project: Project) -> Start:
    @asynccontextmanager
    async def start(statement: str = 'legacy = mount("/legacy", app)') -> AsyncIterator[Any]:
        mounted = project.define(f"{SOURCE}\n{statement}\n")
        await mounted.start()
        yield mounted
        await mounted.stop()

    return start


def call(path: bytes = b"/legacy/x", method: str = "GET", body: bytes = b"") -> Call:
    fields = [(b"host", b"a.example:8080"), (b"x-a", b"1"), (b"traceparent", b"from outside")]
    made = Call(method, path, b"q=%20&q=1", fields, "10.0.0.1", body)
    made.caller = Caller("acme", "k", frozenset(), "test")
    made.trace_id, made.span_id = 1, 2
    return made


async def echo(project: Project, mounted: Any, request: Call) -> Any:
    _, recorder = await project.stream(mounted, request)
    return json.loads(recorder.body)


async def test_app_sees_an_asgi_scope(project: Project, started: Start) -> None:
    async with started() as mounted:
        seen = await echo(project, mounted, call(b"/legacy/a%20b/%6c", "POST", b"some"))
    assert seen["path"] == "/legacy/a b/l"
    assert seen["raw_path"] == "/legacy/a%20b/l"  # normalised: %6c became l
    assert seen["root_path"] == "/legacy"
    assert seen["query"] == "q=%20&q=1"
    assert seen["client"] == ["10.0.0.1", 0]
    assert seen["params"] == {"rest": "a b/l"}
    assert seen["url"].startswith("http://a.example:8080/legacy/a")
    assert seen["url_for"] == "http://a.example:8080/legacy/ab"
    assert (seen["caller"], seen["store"], seen["body"]) == ("acme", "open", "some")
    assert ["x-a", "1"] in seen["headers"]
    (parent,) = [value for name, value in seen["headers"] if name == "traceparent"]
    assert re.fullmatch(r"00-0{31}1-0{15}2-00", parent)


@pytest.mark.parametrize(
    ("headers", "public", "expected"),
    [
        ({"Last-Modified": "Wed, 25 Nov 2020 00:00:00 GMT"}, False, b"private"),
        ({"Cache-Control": "public"}, False, b"public"),
        ({}, True, None),
    ],
)
async def test_response_that_needs_a_key_is_private_by_default(
    project: Project, started: Start, headers: dict[str, str], public: bool, expected: bytes | None
) -> None:
    statement = f"""
async def answer(request):
    return PlainTextResponse("a", headers={headers})


legacy = mount("/legacy", Starlette(routes=[Route("/x", answer)]), public={public})
"""
    async with started(statement) as mounted:
        reply, _ = await project.stream(mounted, call())
    fields = dict(reply.fields)
    assert fields.get(b"cache-control") == expected
    assert (b"vary" in fields) is (expected == b"private")


async def test_app_sees_a_disconnect_before_its_head(started: Start, caplog: Any) -> None:
    async with started() as mounted:
        pending = mounted.invoke(call(b"/legacy/until-disconnect"))
        await until(lambda: "called" in module_of(mounted).events)
        pending.disconnect()
        reply = await pending
        await asyncio.wait((pending.task,))
        assert reply.body == b""
        assert "disconnected" in module_of(mounted).events
    assert not caplog.records


async def test_raising_app_is_500_without_internals(
    project: Project, started: Start, caplog: Any
) -> None:
    async with started('legacy = mount("/legacy", broken)') as mounted:
        reply = await project.reply(mounted, call())
    assert (reply.status, reply.content_type) == (500, b"application/problem+json")
    assert b"secret" not in reply.body
    assert "shop.legacy failed" in caplog.text


async def test_slow_app_is_504(project: Project) -> None:
    mounted = project.define(f'{SOURCE}\nlegacy = mount("/legacy", slow, timeout=0.01)\n')
    assert (await project.reply(mounted, call())).status == 504

"""A mounted app is asked like under any server, and knows who calls."""

import asyncio
import json
import re
import sys
from typing import Any

from neurova.endpoints.function import HttpFunction
from neurova.http.call import Call
from neurova.http.caller import Caller

HEAD = """
import asyncio
from contextlib import asynccontextmanager
from neurova import *
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
seen = []


@asynccontextmanager
async def lifespan(app):
    seen.append("start")
    yield {"store": "open"}
    seen.append("stop")


async def asked(request):
    scope = request.scope
    return JSONResponse({
        **{name: scope[name] for name in ("method", "path", "root_path", "scheme", "client")},
        "raw_path": scope["raw_path"].decode(), "query": scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "body": (await request.body()).decode(),
        "url": str(request.url), "url_for": str(request.url_for("asked", rest="ab")),
        "params": request.path_params,
        "caller": request.state.caller.consumer, "store": request.state.store,
    })


async def told(request):
    seen.append("asked")
    while not await request.is_disconnected():
        await asyncio.sleep(0)
    seen.append("told")
    return PlainTextResponse("to nobody")


async def broken(scope, receive, send):
    raise ValueError("secret")


app = Starlette(
    routes=[
        Route("/told", told),
        Route("/{rest:path}", asked, methods=["GET", "POST"]),
    ],
    lifespan=lifespan,
)
"""


def mounted(house: Any, said: str = 'legacy = mount("/legacy", app)') -> HttpFunction:
    function: HttpFunction = house.function(f"{HEAD}\n{said}\n")
    return function


def seen(function: Any) -> list[str]:
    module = sys.modules[f"{function.generation.name}.only"]
    return module.seen  # type: ignore[no-any-return]


def call(path: bytes = b"/legacy/x", **said: Any) -> Call:
    fields = [(b"host", b"a.example:8080"), (b"x-a", b"1"), (b"traceparent", b"from outside")]
    made = Call("GET", path, b"q=%20&q=1", fields, "10.0.0.1", **said)
    made.caller = Caller("acme", "k", frozenset(), "test")
    made.trace_id, made.span_id = 1, 2
    return made


async def answer(house: Any, function: HttpFunction, asked: Call) -> Any:
    _, basin = await house.streamed(function, asked)
    return json.loads(b"".join(basin.pieces))


def test_its_scope_is_that_of_asgi(house: Any) -> None:
    function = mounted(house)

    async def test() -> Any:
        await function.start()
        found = await answer(house, function, call(b"/legacy/a%20b/%6c"))
        await function.stop()
        return found

    found = asyncio.run(test())
    assert found["path"] == "/legacy/a b/l"
    assert found["raw_path"] == "/legacy/a%20b/l"  # one spelling
    assert found["root_path"] == "/legacy"
    assert found["query"] == "q=%20&q=1"
    assert found["client"] == ["10.0.0.1", 0]
    assert found["params"] == {"rest": "a b/l"}
    assert found["url"].startswith("http://a.example:8080/legacy/a")
    assert found["url_for"] == "http://a.example:8080/legacy/ab"
    assert (found["caller"], found["store"]) == ("acme", "open")
    assert ["x-a", "1"] in found["headers"]
    parents = [value for name, value in found["headers"] if name == "traceparent"]
    assert [re.fullmatch(r"00-0{31}1-0{15}2-00", value) is not None for value in parents] == [True]


def test_at_the_root_it_has_no_prefix(house: Any) -> None:
    function = mounted(house, 'legacy = mount("/", app)')

    async def test() -> Any:
        await function.start()
        found = await answer(house, function, call(b"/x"))
        await function.stop()
        return found

    assert asyncio.run(test())["root_path"] == ""


def test_what_needs_a_key_is_kept_by_its_caller_only_unless_the_app_says_otherwise(
    house: Any,
) -> None:
    said = (
        "async def answer(request):\n    return PlainTextResponse('a', headers={header})\n\n\n"
        "app = Starlette(routes=[Route('/x', answer)])\n"
        'legacy = mount("/legacy", app{public})'
    )

    def fields(header: str, public: str = "") -> list[tuple[bytes, bytes]]:
        function = mounted(house, said.format(header=header, public=public))

        async def test() -> Any:
            await function.start()
            reply, _ = await house.streamed(function, call())
            await function.stop()
            return reply.fields

        found: list[tuple[bytes, bytes]] = asyncio.run(test())
        return found

    dated = "{'Last-Modified': 'Wed, 25 Nov 2020 00:00:00 GMT'}"  # which a cache guesses from
    kept = dict(fields(dated))
    assert (kept[b"cache-control"], kept[b"vary"]) == (b"private", b"x-api-key, authorization")
    assert fields("{'Cache-Control': 'public'}") == [(b"cache-control", b"public")]
    assert fields("{}", ", public=True") == []


def test_it_gets_the_body(house: Any) -> None:
    function = mounted(house)

    async def test() -> Any:
        await function.start()
        posted = call(body=b"some")
        posted.method = "POST"
        found = await answer(house, function, posted)
        await function.stop()
        return found

    assert asyncio.run(test())["body"] == "some"


def test_a_client_that_leaves_before_the_head_is_told_of(house: Any, caplog: Any) -> None:
    function = mounted(house)

    async def test() -> None:
        await function.start()
        flight: Any = function.invoke(call(b"/legacy/told"))
        while "asked" not in seen(function):
            await asyncio.sleep(0)
        flight.disconnect()
        reply = await flight
        await asyncio.wait((flight.task,))
        assert reply.body == b""
        assert "told" in seen(function)
        await function.stop()

    asyncio.run(test())
    assert not caplog.records


def test_an_app_that_raises_is_500_without_internals(house: Any, caplog: Any) -> None:
    function = mounted(house, 'legacy = mount("/legacy", broken)')
    reply = house.ask(function, call())
    assert reply.status == 500
    assert reply.content_type == b"application/problem+json"
    assert b"secret" not in reply.body
    assert "shop.legacy failed" in caplog.text


def test_an_app_that_does_not_answer_in_time_is_504(house: Any) -> None:
    function = mounted(
        house,
        "async def slow(scope, receive, send):\n    await asyncio.Event().wait()\n\n\n"
        'legacy = mount("/legacy", slow, timeout=0.01)',
    )
    assert house.ask(function, call()).status == 504


def test_it_is_stopped_when_its_calls_have_ended(house: Any) -> None:
    function: Any = mounted(house)

    async def test() -> None:
        await function.start()
        reply = await house.reply(function, call())
        stopping = asyncio.ensure_future(function.stop())
        for _ in range(100):
            await asyncio.sleep(0)
        assert function.lifespan.is_running
        reply.disconnect()
        await stopping
        assert not function.lifespan.is_running

    asyncio.run(test())

"""Whole apps behind the gateway: guarded like functions, answered like under any server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.gateway.octets import bodies, request, statuses

from neurova_gateway.pipeline.call_records import CallRecord

FAST = '''
"""Something that was there before."""

import asyncio

from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware

from neurova import mount

from .domain import counted

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["https://app.example"])


class Thing(BaseModel):
    name: str


@app.post("/things/{id}", status_code=201)
async def thing(id: int, thing: Thing, request: Request, later: BackgroundTasks):
    later.add_task(counted.append, "later")
    return {"id": id, "name": thing.name, "consumer": request.state.caller.consumer,
            "identity": request.headers.get("x-neurova-identity")}


@app.get("/numbers")
async def numbers(hang: bool = False):
    async def made():
        try:
            for number in range(3):
                yield f"{number}\\n"
            if hang:
                await asyncio.Event().wait()
        finally:
            counted.append("numbers")

    return StreamingResponse(made(), media_type="text/plain")


@app.get("/fields")
async def fields():
    from starlette.responses import Response

    return Response(b"", 200, {"Connection": "x-hop", "X-Hop": "1", "Keep-Alive": "5", "X-End": "2",
                               "Date": "never", "Transfer-Encoding": "gzip"})


@app.get("/broken")
async def broken():
    raise ValueError("secret")


old = mount("/old", app, scopes=["old:use"], limit="50/minute")
'''
KEYED = "X-API-Key: {key}"


@pytest.fixture
def mounted(door: Any, probe_project: Any) -> Any:
    (probe_project / "functions" / "probe" / "old.py").write_text(FAST)
    door.platform.platform.load()
    door.key = door.platform.key("acme", ["old:use"])
    return door


@pytest.fixture
def records(mounted: Any) -> Callable[[], list[CallRecord]]:
    return mounted.platform.records  # type: ignore[no-any-return]


def counted(mounted: Any) -> int:
    return int(mounted.platform.get("/count").json()["count"])


def test_a_fastapi_app_is_guarded_limited_and_noted(mounted: Any, records: Any) -> None:
    platform, thing = mounted.platform, {"name": "a"}
    assert platform.post("/old/things/1", json=thing).status == 401
    assert platform.post("/old/things/1", json=thing, scopes=[]).status == 403
    done = platform.post("/old/things/1", json=thing, scopes=["old:use"], consumer="acme")
    assert (done.status, done.json()) == (
        201, {"id": 1, "name": "a", "consumer": "acme", "identity": None}
    )  # fmt: skip
    assert "ratelimit" in done.headers
    assert counted(mounted) == 1  # the background task
    assert platform.post("/old/things/1", json={}, scopes=["old:use"]).status == 422
    assert platform.get("/old/nothing", scopes=["old:use"]).status == 404
    assert [(one.status, one.route, one.consumer) for one in records() if one.consumer] == [
        (201, "probe.old", "acme"),
        (422, "probe.old", "tester"),
        (404, "probe.old", "tester"),
    ]


def test_its_limit_is_that_of_the_mount(mounted: Any) -> None:
    statuses = {mounted.platform.get("/old/nothing", key=mounted.key).status for _ in range(51)}
    assert statuses == {404, 429}


def test_what_a_client_says_of_itself_goes_nowhere(mounted: Any) -> None:
    said = {"X-Neurova-Identity": "x", "Content-Type": "application/json"}
    done = mounted.platform.post(
        "/old/things/1", body=b'{"name":"a"}', headers=said, key=mounted.key
    )
    assert done.json()["identity"] is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", ["/old/numbers", "/old/fields", "/old/openapi.json", "/old/x%20y"])
def test_both_doors_give_the_same(mounted: Any, method: str, path: str) -> None:
    answer = mounted.platform.call(method, path, key=mounted.key)
    octets = mounted.exchange(
        f"{method} {path} HTTP/1.0\r\nHost: a\r\nX-API-Key: {mounted.key}\r\n\r\n".encode()
    )
    head, _, body = octets.partition(b"\r\n\r\n")
    assert (int(head[9:12]), body) == (answer.status, answer.body)
    for name in ("content-type", "content-length", "allow", "x-end"):
        assert (f"\r\n{name}: " in head.decode()) is (name in answer.headers)


def test_fields_of_its_connection_are_not_ours(mounted: Any) -> None:
    answer = mounted.exchange(
        request("GET", "/old/fields", KEYED.format(key=mounted.key), close=False)
        + request("GET", "/count")
    )
    assert statuses(answer) == [200, 200]
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"x-end: 2" in head
    for dropped in (b"x-hop", b"keep-alive", b"never", b"transfer-encoding", b"connection"):
        assert dropped not in head


def test_a_short_answer_is_whole_and_the_connection_kept(mounted: Any) -> None:
    ask = request("GET", "/old/nothing", KEYED.format(key=mounted.key), close=False)
    answer = mounted.exchange(ask + ask + request("GET", "/count"))
    assert statuses(answer) == [404, 404, 200]
    assert json.loads(bodies(answer)[1]) == {"detail": "Not Found"}


def test_a_client_that_leaves_its_stream_stops_it(mounted: Any, records: Any) -> None:
    async def leave() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", mounted.port)
        ask = request("GET", "/old/numbers?hang=1", KEYED.format(key=mounted.key), close=False)
        writer.write(ask)
        await reader.readuntil(b"2\n\r\n")
        writer.close()
        while mounted.platform.platform.connection_manager.connections:
            await asyncio.sleep(0)

    mounted.run(leave())
    mounted.run(asyncio.sleep(0))
    assert counted(mounted) == 1
    assert [one.status for one in records()] == [499, 200]


def test_an_app_that_raises_shows_nothing_of_it(mounted: Any, caplog: Any) -> None:
    answer = mounted.platform.get("/old/broken", key=mounted.key)
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert "probe.old failed" in caplog.text


def test_the_apps_own_cors_is_what_is_sent(mounted: Any) -> None:
    from neurova_gateway.pipeline.cors import Cors

    gateway = mounted.platform.platform.gateway
    gateway._cors = Cors({"origins": ["https://app.example"]})
    gateway._steps = gateway.steps()
    origin = "Origin: https://app.example"
    ask = request("GET", "/old/nothing", KEYED.format(key=mounted.key), origin)
    answer = mounted.exchange(ask)
    assert answer.lower().count(b"access-control-allow-origin:") == 1


def test_a_websocket_is_refused(mounted: Any) -> None:
    ask = request("GET", "/old/ws", KEYED.format(key=mounted.key), "Connection: upgrade",
                  "Upgrade: websocket")  # fmt: skip
    assert statuses(mounted.exchange(ask)) == [501]


def test_a_body_over_the_limit_does_not_reach_it(mounted: Any) -> None:
    ask = request("POST", "/old/things/1", KEYED.format(key=mounted.key),
                  "Content-Length: 10000000")  # fmt: skip
    assert statuses(mounted.exchange(ask)) == [413]

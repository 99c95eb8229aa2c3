"""The ASGI entry point responds like the HTTP/1.1 server to every request that ASGI can express."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import HttpServer
from tests.gateway.raw_http import request, wait_until
from tests.gateway.server.conftest import namespace

from neurova_platform.composition.platform import Platform
from neurova_platform.settings.loading import load

JSON = {"x-api-key": "KEY", "content-type": "application/json"}
CASES: list[tuple[str, str, dict[str, str], bytes]] = [
    ("GET", "/count", {}, b""),
    ("HEAD", "/count", {}, b""),
    ("POST", "/count", {}, b""),
    ("OPTIONS", "/count", {}, b""),
    ("GET", "/nothing", {}, b""),
    ("GET", "/count/", {}, b""),
    ("GET", "//count", {}, b""),
    ("GET", "/%63ount", {}, b""),
    ("GET", "/count%2f", {}, b""),
    ("GET", "/count;x", {}, b""),
    ("GET", "/items/7", {}, b""),
    ("GET", "/items/7", {"x-api-key": "junk"}, b""),
    ("GET", "/items/7", {"x-api-key": "KEY"}, b""),
    ("GET", "/items/a%20b", {"authorization": "Bearer KEY"}, b""),
    ("GET", "/items/7", {"x-api-key": "KEY", "authorization": "Bearer KEY"}, b""),
    ("GET", "/secret", {"x-api-key": "KEY"}, b""),
    ("GET", "/legacy/a/b/", {"x-api-key": "KEY"}, b""),
    ("GET", "/legacy", {"x-api-key": "ALL"}, b""),
    ("GET", "/legacy/a%20b?c=%2f", {"x-api-key": "ALL"}, b""),
    ("HEAD", "/legacy/a", {"x-api-key": "ALL"}, b""),
    ("POST", "/legacy/a", {"x-api-key": "ALL"}, b""),
    ("GET", "/legacy/../secret", {"x-api-key": "ALL"}, b""),
    ("GET", "/legacy//secret", {"x-api-key": "ALL"}, b""),
    ("GET", "/legacy%2fsecret", {"x-api-key": "ALL"}, b""),
    ("POST", "/echo", JSON, b'{"text":"x"}'),
    ("POST", "/echo", JSON, b'{"text":1}'),
    ("POST", "/echo", JSON, b"{"),
    ("POST", "/echo", JSON, b"[" * 50_000),
    ("POST", "/echo", {"x-api-key": "KEY", "content-type": "text/plain"}, b"x"),
    ("POST", "/echo", {"content-type": "application/json"}, b'{"text":"x"}'),
    ("GET", "/count", {"host": "a b"}, b""),
    ("GET", "/count", {"expect": "200-ok"}, b""),
    ("GET", "/count", {"upgrade": "websocket"}, b""),
    ("GET", "/count", {"upgrade": " \tWebSocket \t"}, b""),
    ("GET", "/count", {"host": "\tprobe "}, b""),
    ("GET", "/items/7", {"x-api-key": " KEY \t"}, b""),
    ("GET", "/count", {"x-long": "a" * 17_000}, b""),
    *((method, path, {}, b"") for path in ("/count", "/nothing")
      for method in ("PROPFIND", "M-SEARCH", "QUERY", "TRACE")),
    *((method, path, {"accept": accept}, b"") for method in ("GET", "HEAD")
      for path in ("/numbers/3", "/lines", "/file", "/quiet?first=x")
      for accept in ("*/*", "text/event-stream", "image/png")),
]  # fmt: skip
VARYING = re.compile(rb'"trace_id":"\w+"')
# Headers of one connection or one call.
NOT_COMPARED = {"date", "connection", "transfer-encoding", "content-length", "traceparent"}


def split(response: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    if fields.get("transfer-encoding") == "chunked":
        body = b"".join(re.findall(rb"[0-9a-f]+\r\n(.+?)\r\n", body, re.DOTALL))
    return int(lines[0][9:12]), fields, body


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
async def test_both_entry_points_answer_alike(
    streams: HttpServer, case: tuple[str, str, dict[str, str], bytes]
) -> None:
    method, path, headers, body = case
    platform = streams.platform
    keys = {
        "KEY": platform.key(scopes=["probe:write"]),
        "ALL": platform.key(scopes=["probe:secret"]),
    }
    headers = {
        name: value.replace("KEY", keys["KEY"]).replace("ALL", keys["ALL"])
        for name, value in headers.items()
    }
    by_asgi = await platform.acall(method, path, headers=headers, body=body)
    fields = {"host": "probe", **headers, "connection": "close"}
    if body:
        fields["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    sent = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
    status, by_http, content = split(await streams.send(sent))
    assert status == by_asgi.status
    assert VARYING.sub(b"", content) == VARYING.sub(b"", by_asgi.body)
    names = (by_http.keys() | by_asgi.headers.keys()) - NOT_COMPARED
    varying = {name for name in names if name.startswith("ratelimit")}
    for name in names - varying:
        assert by_http.get(name) == by_asgi.headers.get(name, "").lower(), name
    assert by_http.get("cache-control") is not None


@pytest.mark.parametrize("method", ["BREW", "UPDATE"])
async def test_both_entry_points_refuse_unknown_methods(server: HttpServer, method: str) -> None:
    by_asgi = await server.platform.acall(method, "/count")
    assert (by_asgi.status, by_asgi.headers["content-type"]) == (501, "application/problem+json")
    status, fields, _ = split(await server.send(request(method)))
    assert (status, fields["content-type"]) == (501, "application/problem+json")


SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/echo",
    "query_string": b"",
    "headers": [(b"host", b"a"), (b"content-type", b"application/json")],
    "client": ("127.0.0.1", 1),
}
DISCONNECT = {"type": "http.disconnect"}


def part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def echo(server: HttpServer) -> dict[str, Any]:
    key = server.platform.key(scopes=["probe:write"]).encode()
    return {**SCOPE, "headers": [*SCOPE["headers"], (b"x-api-key", key)]}


def get(path: str, query: bytes = b"") -> dict[str, Any]:
    return {**SCOPE, "method": "GET", "path": path, "query_string": query}


async def run(platform: Platform, scope: dict[str, Any], *received: dict[str, Any]) -> list[Any]:
    """Call the ASGI app and return the messages that it sends."""
    sent: list[Any] = []
    messages = iter(received)

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    await platform.asgi(scope, receive, send)
    return sent


async def test_body_parts_are_joined_up_to_the_limit(server: HttpServer) -> None:
    parts = part(b'{"text"', True), part(b':"x"}')
    start, body = await run(server.platform.platform, echo(server), *parts)
    assert start["status"] == 200
    assert b'"x"' in body["body"]
    piece = part(b"a" * 600_000, True)
    [start, _] = await run(server.platform.platform, echo(server), piece, piece)
    assert start["status"] == 413
    [message] = await run(server.platform.platform, {"type": "websocket"})
    assert message["type"] == "websocket.close"


async def test_disconnect_during_body_runs_no_function(server: HttpServer) -> None:
    platform = server.platform
    [start, _] = await run(platform.platform, echo(server), part(b"{", True), DISCONNECT)
    assert start["status"] == 400
    assert (await platform.acall("GET", "/count")).json() == {"count": 0}


async def test_lifespan_starts_and_stops_the_platform(probe_project: Path, tmp_path: Path) -> None:
    settings = load(probe_project, environ={}, flags={"project.state": str(tmp_path / "s")})
    platform = Platform(settings, environment="live")
    events = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    sent = await run(platform, {"type": "lifespan"}, *events)
    assert [each["type"] for each in sent] == [
        "lifespan.startup.complete", "lifespan.shutdown.complete",
    ]  # fmt: skip


async def test_failed_start_tells_the_server_why(tmp_path: Path) -> None:
    (tmp_path / "neurova.toml").write_text("")
    platform = Platform(load(tmp_path, environ={}), environment="live")
    [message] = await run(platform, {"type": "lifespan"}, {"type": "lifespan.startup"})
    assert message["type"] == "lifespan.startup.failed"
    assert "functions" in message["message"]


async def test_failed_stream_raises_in_the_server(streams: HttpServer) -> None:
    response = await streams.platform.acall("GET", "/numbers/7?end=raises")
    assert (response.status, response.whole) == (200, False)
    assert response.body.count(b"\n") == 7


@pytest.mark.parametrize(
    ("end", "messages"), [(b"end=never-begins", 0), (b"end=hangs", 9)], ids=["before", "during"]
)
async def test_disconnect_stops_the_generator(
    streams: HttpServer, end: bytes, messages: int
) -> None:
    scope = get("/numbers/8", end)
    sent = await run(streams.platform.platform, scope, part(b""), DISCONNECT)
    assert len(sent) <= messages
    assert [record.status for record in streams.platform.records()] == [499]
    assert "numbers" in namespace(streams, "numbers")["counted"]


async def test_cancelled_call_stops_the_generator(streams: HttpServer) -> None:
    received, began = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if received.is_set():
            await asyncio.Event().wait()
        received.set()
        return part(b"")

    async def send(message: Any) -> None:
        if message.get("body"):
            began.set()

    scope = get("/numbers/8", b"end=hangs")
    call = asyncio.ensure_future(streams.platform.platform.asgi(scope, receive, send))
    await began.wait()
    call.cancel()
    await asyncio.wait((call,))
    await wait_until(lambda: "numbers" in namespace(streams, "numbers")["counted"])

"""The ASGI door leads to the same core: what both doors can express, both answer alike."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from neurova_platform.testing.platform import TestPlatform

CASES = [
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
    ("POST", "/echo", {"x-api-key": "KEY", "content-type": "application/json"}, b'{"text":"x"}'),
    ("POST", "/echo", {"x-api-key": "KEY", "content-type": "application/json"}, b'{"text":1}'),
    ("POST", "/echo", {"x-api-key": "KEY", "content-type": "application/json"}, b"{"),
    ("POST", "/echo", {"x-api-key": "KEY", "content-type": "text/plain"}, b"x"),
    ("POST", "/echo", {"x-api-key": "KEY", "content-type": "application/json"}, b"[" * 50_000),
    ("POST", "/echo", {"content-type": "application/json"}, b'{"text":"x"}'),
    ("GET", "/count", {"host": "a b"}, b""),
    ("GET", "/count", {"expect": "200-ok"}, b""),
    ("GET", "/count", {"upgrade": "websocket"}, b""),
    ("GET", "/count", {"x-long": "a" * 17_000}, b""),
]
# What differs from call to call.
VARIES = re.compile(rb'"trace_id":"\w+"|\r\ndate: [^\r]+|connection: close\r\n')


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_both_doors_give_the_same_answer(
    door, case: tuple[str, str, dict[str, str], bytes]
) -> None:
    method, path, headers, body = case
    key = door.platform.key(scopes=["probe:write"])
    every = door.platform.key(scopes=["probe:secret"])
    headers = {
        name: value.replace("KEY", key).replace("ALL", every) for name, value in headers.items()
    }
    answer = door.platform.call(method, path, headers=headers, body=body)
    fields = {"host": "probe", **headers, "connection": "close"}
    if body:
        fields["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    octets = door.exchange(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    lines, _, sent = octets.partition(b"\r\n\r\n")
    assert int(lines[9:12]) == answer.status
    assert VARIES.sub(b"", sent) == VARIES.sub(b"", answer.body)
    assert answer.headers.get("content-type", "").encode() in lines
    assert answer.headers.get("allow", "").encode() in lines


@pytest.mark.parametrize("method", ["BREW", "UPDATE", "PROPFIND", "M-SEARCH", "QUERY", "TRACE"])
@pytest.mark.parametrize("path", ["/count", "/nothing"])
def test_both_doors_know_the_same_methods(door, method: str, path: str) -> None:
    answer = door.platform.call(method, path)
    head = f"{method} {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"
    assert int(door.exchange(head.encode())[9:12]) == answer.status
    assert answer.headers["content-type"] == "application/problem+json"


def asgi(platform: TestPlatform, scope: dict[str, Any], *received: dict[str, Any]) -> list[Any]:
    sent: list[Any] = []
    waiting = iter(received)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def call() -> None:
        await platform.platform.asgi(scope, receive, send)

    platform.run(call())
    return sent


SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/echo",
    "query_string": b"",
    "headers": [(b"host", b"a"), (b"content-type", b"application/json")],
    "client": ("127.0.0.1", 1),
}


def keyed(platform: TestPlatform) -> dict[str, Any]:
    key = platform.key(scopes=["probe:write"]).encode()
    return {**SCOPE, "headers": [*SCOPE["headers"], (b"x-api-key", key)]}  # type: ignore[misc]


def part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_that_comes_in_parts_is_put_together(probe: TestPlatform) -> None:
    start, body = asgi(probe, keyed(probe), part(b'{"text"', True), part(b':"x"}'))
    assert start["status"] == 200
    assert b'"x"' in body["body"]


def test_a_body_over_the_limit_is_refused_while_it_comes(probe: TestPlatform) -> None:
    piece = part(b"a" * 600_000, True)
    assert asgi(probe, keyed(probe), piece, piece)[0]["status"] == 413


def test_a_client_that_leaves_before_its_body_is_whole_reaches_no_function(
    probe: TestPlatform,
) -> None:
    gone = {"type": "http.disconnect"}
    assert asgi(probe, keyed(probe), part(b"{", True), gone)[0]["status"] == 400
    assert probe.get("/count").json() == {"count": 0}


def test_a_websocket_is_refused(probe: TestPlatform) -> None:
    assert asgi(probe, {"type": "websocket"})[0]["type"] == "websocket.close"


def test_the_lifespan_starts_and_stops_the_platform(probe_project, tmp_path) -> None:
    from neurova_platform.composition.platform import Platform
    from neurova_platform.settings import loading as settings

    loaded = settings.load(probe_project, environ={}, flags={"project.state": str(tmp_path / "s")})
    platform = Platform(loaded, environment="live")
    asked = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return asked.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    async def live() -> None:
        await platform.asgi({"type": "lifespan"}, receive, send)

    asyncio.run(live())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_start_that_fails_says_why_to_the_server(tmp_path) -> None:
    from neurova_platform.composition.platform import Platform
    from neurova_platform.settings import loading as settings

    (tmp_path / "neurova.toml").write_text("")
    platform = Platform(settings.load(tmp_path, environ={}), environment="live")
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def live() -> None:
        await platform.asgi({"type": "lifespan"}, receive, send)

    asyncio.run(live())
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "functions" in sent[0]["message"]


NUMBERS = """
import asyncio
from neurova import get
from .domain import counted


@get("/numbers/{most}", public=True)
async def numbers(most: int):
    try:
        if most == 9:
            await asyncio.Event().wait()
        for number in range(most):
            yield {"number": number}
        if most == 7:
            raise ValueError
        if most == 8:
            await asyncio.Event().wait()
    finally:
        counted.append("numbers")
"""


@pytest.fixture
def streams(door, probe_project):
    (probe_project / "functions" / "probe" / "numbers.py").write_text(NUMBERS)
    door.platform.platform.load()
    return door


def test_a_client_that_leaves_before_the_first_item_stops_the_generator(streams) -> None:
    scope = {**SCOPE, "method": "GET", "path": "/numbers/9"}
    assert asgi(streams.platform, scope, part(b""), {"type": "http.disconnect"}) == []
    assert [record.status for record in streams.platform.records()] == [499]
    assert streams.platform.get("/count").json()["count"] == 1


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream", "image/png"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_both_doors_give_the_same_stream(streams, method: str, accept: str) -> None:
    answer = streams.platform.call(method, "/numbers/3", headers={"accept": accept})
    octets = streams.exchange(
        f"{method} /numbers/3 HTTP/1.0\r\nhost: a\r\naccept: {accept}\r\n\r\n".encode()
    )
    head, _, body = octets.partition(b"\r\n\r\n")
    assert int(head[9:12]) == answer.status
    assert VARIES.sub(b"", body) == VARIES.sub(b"", answer.body)
    for name, value in answer.headers.items():
        assert f"{name}: {value}" in head.decode()
    assert answer.whole


def test_a_stream_that_fails_makes_the_server_cut_it(streams) -> None:
    answer = streams.platform.get("/numbers/7")
    assert (answer.status, answer.whole) == (200, False)
    assert answer.body.count(b"\n") == 7


def test_a_client_that_leaves_a_stream_stops_its_generator(streams) -> None:
    scope = {**SCOPE, "method": "GET", "path": "/numbers/8"}
    gone = {"type": "http.disconnect"}
    sent = asgi(streams.platform, scope, part(b""), gone)
    assert sent[0]["status"] == 200
    assert streams.platform.get("/numbers/0").status == 200
    assert [record.status for record in streams.platform.records()] == [499, 200]
    counted = streams.platform.get("/count").json()["count"]
    assert counted == 2  # both generators have ended


def test_a_server_that_cancels_its_call_stops_the_generator(streams) -> None:
    scope = {**SCOPE, "method": "GET", "path": "/numbers/8"}

    async def cancelled() -> None:
        asked, begun = asyncio.Event(), asyncio.Event()

        async def receive() -> dict[str, Any]:
            if asked.is_set():
                await asyncio.Event().wait()
            asked.set()
            return part(b"")

        async def send(message: dict[str, Any]) -> None:
            if message.get("body"):
                begun.set()

        call = asyncio.ensure_future(streams.platform.platform.asgi(scope, receive, send))
        await begun.wait()
        call.cancel()
        await asyncio.wait((call,))

    streams.run(cancelled())
    assert streams.platform.get("/count").json()["count"] == 1


@pytest.mark.parametrize("path", ["/count", "/items/1", "/nothing"])
def test_without_a_word_on_caching_no_shared_cache_keeps_a_reply(door: Any, path: str) -> None:
    """By both doors, whatever the route asks for: a cache knows no X-API-Key."""
    octets = door.exchange(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    assert octets.lower().count(b"\r\ncache-control: private\r\n") == 1
    assert door.platform.get(path).headers["cache-control"] == "private"

"""Mounted apps are guarded like functions and behave as under other ASGI servers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.conftest import HttpServer, http_server
from tests.gateway.raw_http import request


@pytest.fixture
async def server(probe_project: Path, tmp_path: Path) -> AsyncIterator[HttpServer]:
    """Run the probe with an app mounted at /old and CORS for app.example."""
    service = probe_project / "functions" / "probe"
    shutil.copy(Path(__file__).with_name("mounted_app.py"), service / "old.py")
    settings = '[gateway]\ncors.origins = ["https://app.example"]\n'
    (probe_project / "neurova.toml").write_text(settings)
    async with http_server(probe_project, tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def key(server: HttpServer) -> str:
    return server.platform.key("acme", ["old:use"])


async def count(server: HttpServer) -> int:
    return int((await server.platform.acall("GET", "/count")).json()["count"])


async def test_app_is_guarded_limited_and_recorded(server: HttpServer) -> None:
    platform, path = server.platform, "/old/things/1"
    thing, scopes = {"name": "a"}, ["old:use"]
    assert (await platform.acall("POST", path, json=thing)).status == 401
    assert (await platform.acall("POST", path, json=thing, scopes=[])).status == 403
    forged = {"X-Neurova-Identity": "x"}
    done = await platform.acall(
        "POST", path, json=thing, scopes=scopes, consumer="acme", headers=forged
    )
    assert done.status == 201
    assert done.json() == {"id": 1, "name": "a", "consumer": "acme", "identity": None}
    assert "ratelimit" in done.headers
    assert await count(server) == 1  # counted by the background task
    assert (await platform.acall("POST", path, json={}, scopes=scopes)).status == 422
    assert (await platform.acall("GET", "/old/nothing", scopes=scopes)).status == 404
    records = [each for each in platform.records() if each.consumer]
    assert [(each.status, each.route, each.consumer) for each in records] == [
        (403, "probe.old", "tester"),
        (201, "probe.old", "acme"),
        (422, "probe.old", "tester"),
        (404, "probe.old", "tester"),
    ]


async def test_limit_of_mount_applies(server: HttpServer, key: str) -> None:
    calls = [server.platform.acall("GET", "/old/nothing", key=key) for _ in range(51)]
    assert {response.status for response in await asyncio.gather(*calls)} == {404, 429}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", ["/old/numbers", "/old/fields", "/old/openapi.json", "/old/x%20y"])
async def test_both_entry_points_answer_alike(
    server: HttpServer, key: str, method: str, path: str
) -> None:
    by_asgi = await server.platform.acall(method, path, key=key)
    call = f"{method} {path} HTTP/1.0\r\nHost: a\r\nX-API-Key: {key}\r\n\r\n"
    head, _, body = (await server.send(call.encode())).partition(b"\r\n\r\n")
    assert (int(head[9:12]), body) == (by_asgi.status, by_asgi.body)
    for name in ("content-type", "content-length", "allow", "x-end"):
        assert (f"\r\n{name}: " in head.decode()) is (name in by_asgi.headers)


async def test_disconnect_stops_the_stream(server: HttpServer, key: str) -> None:
    reader, writer = await server.connect()
    writer.write(request("GET", "/old/numbers?hang=1", f"X-API-Key: {key}", close=False))
    await reader.readuntil(b"2\n\r\n")
    writer.close()
    async with asyncio.timeout(30):
        while not await count(server):
            await asyncio.sleep(0)
    assert 499 in {record.status for record in server.platform.records()}


async def test_cors_header_of_app_is_not_doubled(server: HttpServer, key: str) -> None:
    origin = "Origin: https://app.example"
    response = await server.send(request("GET", "/old/nothing", f"X-API-Key: {key}", origin))
    assert response.lower().count(b"access-control-allow-origin:") == 1

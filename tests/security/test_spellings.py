"""No spelling of a request runs a function that its key may not call."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import pytest
import pytest_asyncio
from tests.gateway.raw_http import statuses

from ..conftest import HttpServer
from . import smuggling
from .conftest import Keys, count
from .spellings import (
    BODY,
    ELSEWHERE,
    FIELDS,
    JSON,
    METHODS,
    PATHS,
    PRESENTED,
    ROUTES,
    RawRequest,
    Route,
)  # fmt: skip

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNSUPPORTED = {501, 505}  # statuses for unsupported methods, transfer codings or versions
ROUTE = pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)


def is_refused(status: int) -> bool:
    return 400 <= status < 500 or status in UNSUPPORTED


async def send_by_asgi(server: HttpServer, request: RawRequest) -> int:
    """Send a request to the ASGI entry point, like another ASGI server."""
    target, _, query = request.target.partition(b"?")
    scope: dict[str, Any] = {
        "type": "http",
        "method": request.method.decode(),
        "path": unquote(target.decode("latin-1")),
        "raw_path": target,
        "query_string": query,
        "headers": [(name.lower(), value) for name, value in request.all_fields()],
        "client": ("127.0.0.1", 1),
        "http_version": request.version.decode(),
        "scheme": "http",
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await server.platform.platform.asgi(scope, receive, send)
    status: int = sent[0]["status"]
    return status


async def assert_refused(server: HttpServer, request: RawRequest) -> None:
    """Assert that both entry points refuse a request with the same status and run no function."""
    response = await server.send(request.encode(), eof=True)
    found = statuses(response)
    assert len(found) == 1, response
    assert is_refused(found[0]), response
    assert b"application/problem+json" in response
    if request.is_asgi:
        assert await send_by_asgi(server, request) == found[0]
    assert await count(server) == 0


def valid_body(route: Route) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the header fields and the body that a route's function accepts."""
    return ([JSON], BODY) if route.method == b"POST" else ([], b"")


@pytest_asyncio.fixture(loop_scope="module")
async def attacked(server: HttpServer, keys: Keys) -> AsyncIterator[HttpServer]:
    """Yield the server; check after the attack that it still serves."""
    yield server
    fine = await server.send(b"GET /count HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
    assert statuses(fine) == [200]


@ROUTE
@pytest.mark.parametrize("spelling", PATHS)
async def test_no_spelling_of_path_bypasses_rights(
    attacked: HttpServer, keys: Keys, spelling: str, route: Route
) -> None:
    fields, body = valid_body(route)
    target = PATHS[spelling](route.path)
    # No HTTP parser accepts a target with a fragment, a space or a non-ASCII byte.
    is_asgi = bool(target) and all(32 < byte < 127 for byte in target) and b"#" not in target
    request = RawRequest(
        route.method, target, [*route.fields(keys), *fields], body, is_asgi=is_asgi
    )
    await assert_refused(attacked, request)


@ROUTE
@pytest.mark.parametrize("spelling", METHODS)
async def test_no_spelling_of_method_runs_another(
    attacked: HttpServer, keys: Keys, spelling: str, route: Route
) -> None:
    """The key may call the route, so only the method is wrong."""
    method = METHODS[spelling]
    fields, body = valid_body(route)
    if method.body:
        fields, body = [], method.body
    fields = [(b"X-API-Key", keys.good), *fields, *method.fields]
    # httptools refuses CONNECT because of its target, which an ASGI scope does not contain.
    is_asgi = method.is_asgi and method.method != b"CONNECT"
    request = RawRequest(method.method, route.path + method.query, fields, body, is_asgi=is_asgi)
    await assert_refused(attacked, request)


@ROUTE
async def test_http_1_0_needs_the_same_rights(
    attacked: HttpServer, keys: Keys, route: Route
) -> None:
    fields, body = valid_body(route)
    fields = [*route.fields(keys), *fields]
    await assert_refused(attacked, RawRequest(route.method, route.path, fields, body, b"1.0"))


@ROUTE
async def test_head_needs_the_rights_of_get(attacked: HttpServer, keys: Keys, route: Route) -> None:
    request = RawRequest(b"HEAD", route.path, route.fields(keys))
    response = await attacked.send(request.encode())
    assert is_refused(statuses(response)[0])
    assert response.endswith(b"\r\n\r\n")
    assert await send_by_asgi(attacked, request) == statuses(response)[0]
    assert await count(attacked) == 0


@ROUTE
@pytest.mark.parametrize("spelling", FIELDS)
async def test_no_header_gives_rights(
    attacked: HttpServer, keys: Keys, spelling: str, route: Route
) -> None:
    fields, body = valid_body(route)
    fields = [*route.fields(keys), *FIELDS[spelling](keys), *fields]
    await assert_refused(attacked, RawRequest(route.method, route.path, fields, body))


@pytest.mark.parametrize("spelling", FIELDS)
async def test_no_header_leads_from_public_to_secret_route(
    attacked: HttpServer, keys: Keys, spelling: str
) -> None:
    fields = [
        (name, value.replace(b"/count", b"/secret")) for name, value in FIELDS[spelling](keys)
    ]
    response = await attacked.send(RawRequest(b"GET", b"/count", fields).encode())
    assert statuses(response) == [200]
    assert json.loads(response.partition(b"\r\n\r\n")[2]) == {"count": 0}


@ROUTE
@pytest.mark.parametrize("spelling", PRESENTED)
async def test_no_spelling_of_wrong_key_is_accepted(
    attacked: HttpServer, keys: Keys, spelling: str, route: Route
) -> None:
    fields, body = valid_body(route)
    fields = [*PRESENTED[spelling](keys), *fields]
    await assert_refused(attacked, RawRequest(route.method, route.path, fields, body))


@ROUTE
@pytest.mark.parametrize("spelling", ELSEWHERE)
async def test_key_in_query_or_body_is_ignored(
    attacked: HttpServer, keys: Keys, spelling: str, route: Route
) -> None:
    query, body = ELSEWHERE[spelling](keys)
    await assert_refused(attacked, RawRequest(route.method, route.path + query, [JSON], body))


@pytest.mark.parametrize("spelling", smuggling.ALL)
async def test_no_request_is_smuggled_in_another(
    attacked: HttpServer, keys: Keys, spelling: str
) -> None:
    """The server must read the hidden request, which has the good key, as a body or malformed."""
    response = await attacked.send(smuggling.ALL[spelling](keys), eof=True)
    found = [status for status in statuses(response) if status != 100]
    assert found, "no response"
    assert all(map(is_refused, found)), response
    assert await count(attacked) == 0


async def test_good_key_runs_every_route(server: HttpServer, keys: Keys) -> None:
    """Show that the counter which other tests expect to be 0 works. Must be last in this module."""
    before = await count(server)
    for number, route in enumerate(ROUTES.values(), 1):
        fields, body = valid_body(route)
        request = RawRequest(route.method, route.path, [(b"X-API-Key", keys.good), *fields], body)
        assert statuses(await server.send(request.encode())) == [200]
        assert await send_by_asgi(server, request) == 200
        assert await count(server) == before + 2 * number
    assert statuses(await server.send(smuggling.hidden(keys), eof=True)) == [200]

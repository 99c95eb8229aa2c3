"""However a call is spelt, what it has no right to does not run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from ..conftest import Door
from . import smuggling
from .conftest import Keys, ran
from .spellings import (
    BODY,
    ELSEWHERE,
    FIELDS,
    JSON,
    METHODS,
    PATHS,
    PRESENTED,
    ROUTES,
    Ask,
    Route,
)  # fmt: skip

# What is no HTTP, or no method or version that is spoken here, has statuses of its own.
NOT_SPOKEN = {501, 505}
ROUTE = pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)


def statuses(octets: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", octets)]


def refused(status: int) -> bool:
    return 400 <= status < 500 or status in NOT_SPOKEN


def by_scope(door: Door, ask: Ask) -> int:
    """Ask by the ASGI door, as any server would pass the request on."""
    target, _, query = ask.target.partition(b"?")
    scope: dict[str, Any] = {
        "type": "http",
        "method": ask.method.decode(),
        "path": unquote(target.decode("latin-1")),
        "raw_path": target,
        "query_string": query,
        "headers": [(name.lower(), value) for name, value in ask.sent()],
        "client": ("127.0.0.1", 1),
        "http_version": ask.version.decode(),
        "scheme": "http",
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": ask.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    door.run(door.platform.platform.asgi(scope, receive, send))
    status: int = sent[0]["status"]
    return status


def assert_shut(door: Door, ask: Ask) -> None:
    """Assert that a request is refused, alike by both doors, and that nothing ran."""
    answer = door.exchange(ask.octets(), eof=True)
    found = statuses(answer)
    assert len(found) == 1, answer
    assert refused(found[0]), answer
    assert b"application/problem+json" in answer
    if ask.scoped:
        assert by_scope(door, ask) == found[0]
    assert ran(door) == 0


def whole(route: Route) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the fields and the body that the route's function would take."""
    return ([JSON], BODY) if route.method == b"POST" else ([], b"")


@pytest.fixture
def shut(door: Door, held: Keys) -> Iterator[Door]:
    """Open the doors, and see afterwards that they were not shut for good."""
    yield door
    fine = door.exchange(b"GET /count HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
    assert statuses(fine) == [200]


@ROUTE
@pytest.mark.parametrize("spelling", PATHS)
def test_no_spelling_of_a_path_leads_past_its_rights(
    shut: Door, held: Keys, spelling: str, route: Route
) -> None:
    fields, body = whole(route)
    target = PATHS[spelling](route.path)
    # A fragment, a space or an octet beyond ASCII is in no target that a parser lets through.
    scoped = bool(target) and all(32 < octet < 127 for octet in target) and b"#" not in target
    ask = Ask(route.method, target, [*route.fields(held), *fields], body, scoped=scoped)
    assert_shut(shut, ask)


@ROUTE
@pytest.mark.parametrize("spelling", METHODS)
def test_no_spelling_of_a_method_leads_to_another(
    shut: Door, held: Keys, spelling: str, route: Route
) -> None:
    """The key opens the route for its own method: only the method is in the way."""
    said = METHODS[spelling]
    fields, body = whole(route)
    if said.body:
        fields, body = [], said.body
    fields = [(b"X-API-Key", held.good), *fields, *said.fields]
    # httptools knows CONNECT by its target, which a scope has not.
    scoped = said.scoped and said.method != b"CONNECT"
    ask = Ask(said.method, route.path + said.query, fields, body, scoped=scoped)
    assert_shut(shut, ask)


@ROUTE
def test_http_1_0_needs_what_1_1_needs(shut: Door, held: Keys, route: Route) -> None:
    fields, body = whole(route)
    assert_shut(shut, Ask(route.method, route.path, [*route.fields(held), *fields], body, b"1.0"))


@ROUTE
def test_head_needs_what_get_needs(shut: Door, held: Keys, route: Route) -> None:
    ask = Ask(b"HEAD", route.path, route.fields(held))
    answer = shut.exchange(ask.octets())
    assert refused(statuses(answer)[0])
    assert answer.endswith(b"\r\n\r\n")  # and tells nothing
    assert by_scope(shut, ask) == statuses(answer)[0]
    assert ran(shut) == 0


@ROUTE
@pytest.mark.parametrize("spelling", FIELDS)
def test_no_field_gives_rights(shut: Door, held: Keys, spelling: str, route: Route) -> None:
    fields, body = whole(route)
    fields = [*route.fields(held), *FIELDS[spelling](held), *fields]
    assert_shut(shut, Ask(route.method, route.path, fields, body))


@pytest.mark.parametrize("spelling", FIELDS)
def test_no_field_leads_from_an_open_route_to_another(
    shut: Door, held: Keys, spelling: str
) -> None:
    """What asks for the public route gets that and nothing else, whatever stands beside it."""
    fields = [
        (name, value.replace(b"/count", b"/secret")) for name, value in FIELDS[spelling](held)
    ]
    answer = shut.exchange(Ask(b"GET", b"/count", fields).octets())
    assert statuses(answer) == [200]
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"count": 0}


@ROUTE
@pytest.mark.parametrize("spelling", PRESENTED)
def test_no_spelling_of_a_key_opens(shut: Door, held: Keys, spelling: str, route: Route) -> None:
    fields, body = whole(route)
    fields = [*PRESENTED[spelling](held), *fields]
    assert_shut(shut, Ask(route.method, route.path, fields, body))


@ROUTE
@pytest.mark.parametrize("spelling", ELSEWHERE)
def test_a_key_in_query_or_body_opens_nothing(
    shut: Door, held: Keys, spelling: str, route: Route
) -> None:
    query, body = ELSEWHERE[spelling](held)
    assert_shut(shut, Ask(route.method, route.path + query, [JSON], body))


@pytest.mark.parametrize("spelling", smuggling.ALL)
def test_no_request_hides_in_another(shut: Door, held: Keys, spelling: str) -> None:
    """Each hidden request has a key that opens all: it must be body or junk, never a call."""
    answer = shut.exchange(smuggling.ALL[spelling](held), eof=True)
    found = [status for status in statuses(answer) if status != 100]
    assert found, "refused without a word"
    assert all(map(refused, found)), answer
    assert ran(shut) == 0


def test_there_are_hundreds_of_spellings() -> None:
    asked = [PATHS, METHODS, FIELDS, PRESENTED, ELSEWHERE]
    assert sum(map(len, asked)) * len(ROUTES) + len(smuggling.ALL) >= 600


def test_what_has_the_right_runs(door: Door, held: Keys) -> None:
    """The counter that stays at 0 above does count: last, as it is the module's own."""
    before = ran(door)
    for number, route in enumerate(ROUTES.values(), 1):
        fields, body = whole(route)
        ask = Ask(route.method, route.path, [(b"X-API-Key", held.good), *fields], body)
        assert statuses(door.exchange(ask.octets())) == [200]
        assert by_scope(door, ask) == 200
        assert ran(door) == before + 2 * number
    assert statuses(door.exchange(smuggling.hidden(held), eof=True)) == [200]

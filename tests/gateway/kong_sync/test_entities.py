"""The entities sent to Kong: order, routes, helpers, and the cost of rendering them."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import yaml
from lupa.luajit21 import LuaRuntime

from neurova.functions.descriptions import Http
from neurova_gateway.kong_sync import lua
from neurova_gateway.kong_sync.diff import compare
from neurova_gateway.kong_sync.document import render_document, write_yaml
from neurova_gateway.kong_sync.entities import LIMIT
from neurova_gateway.kong_sync.entity import owner_of
from neurova_gateway.kong_sync.routing import allowed_methods, regex_priority

from .project import FUNCTIONS, Function, entities_of


def test_same_functions_give_the_same_entities() -> None:
    assert entities_of() == entities_of(FUNCTIONS[::-1])
    assert compare(entities_of(), entities_of()) == ()
    ids = [each.id for each in entities_of()]
    assert len(set(ids)) == len(ids)


def test_yaml_is_the_document() -> None:
    document = render_document(entities_of())
    written = write_yaml(document)
    assert yaml.safe_load(written) == json.loads(json.dumps(document))
    assert document["_format_version"] == "3.0"
    services = {each["id"]: each for each in document["services"]}
    for route in document["routes"]:
        assert route["strip_path"] is False
        assert "service" not in route or route["service"] in services
    (booking,) = [each for each in services.values() if each["name"] == "demo.booking"]
    assert booking["read_timeout"] == 35_000  # ms; the slowest function has a timeout of 30 s


def test_origins_that_kong_would_read_as_patterns_are_exact() -> None:
    cors = next(each for each in entities_of() if each.fields.get("name") == "cors")
    assert cors.fields["config"]["origins"] == ["https://a.example", r"^https://a_b\.example$"]


@pytest.mark.parametrize(
    ("wins", "loses"),
    [
        ("/a/b", "/a/{id}"),
        ("/a/{id}/c", "/{x}/b/c"),
        ("/{x}/b/c", "/{x}/{y}/c"),
        ("/{x}", "/{*}"),
        ("/a/b/{*}", "/a/{*}"),
        ("/a/{*}", "/{*}"),
        ("/" + "/".join("a" * 40), "/a/b/c/{*}"),
    ],
)
def test_kong_prefers_as_the_route_table_does(wins: str, loses: str) -> None:
    assert regex_priority(wins) > regex_priority(loses)
    assert 0 <= regex_priority(wins) < 1 << 32


def test_helper_allows_the_methods_of_all_templates() -> None:
    rows = [("/a/{id}", ("GET", "HEAD")), ("/a/b", ("POST",)), ("/c/{*}", ("PUT",))]
    assert allowed_methods(rows) == {
        "/a/{id}": ("GET", "HEAD"),
        "/a/b": ("GET", "HEAD", "POST"),
        "/c/{*}": ("PUT",),
    }


def run_lua(code: str, **shared: Any) -> tuple[int, Any, Any] | dict[str, str]:
    """Run a function as in Kong's sandbox; return its `exit` arguments, or the fields that it set.

    `shared` are the values in `kong.ctx.shared`.
    """
    runtime = LuaRuntime(unpack_returned_tuples=True)
    exits: list[Any] = []
    fields: dict[str, str] = {}
    runtime.execute("kong = {ctx = {shared = {}}, response = {}}")
    kong = runtime.globals().kong
    for name, value in shared.items():
        is_table = isinstance(value, dict | list)
        kong.ctx.shared[name] = runtime.table_from(value) if is_table else value
    kong.response.exit = lambda *arguments: exits.append(arguments)
    kong.response.set_headers = lambda table: fields.update(table)
    runtime.execute(code)
    if not exits:
        return fields
    ((status, body, headers),) = exits
    return status, dict(body), dict(headers)


STATED = {"consumer": "a", "key_id": "k", "scopes": "", "environment": "live"}


@pytest.mark.parametrize(
    ("nv", "limit", "says"),
    [
        (None, {}, "Authentication"),
        ("a", {}, "Authentication"),
        ({}, {}, "Authentication"),
        *(({**STATED, name: 7}, {}, "Authentication") for name in STATED),
        *(
            ({key: value for key, value in STATED.items() if key != name}, {}, "Authentication")
            for name in STATED
        ),
        (STATED, None, "Rate limiting"),
        (STATED, "a", "Rate limiting"),
    ],
)
def test_guard_refuses_calls_not_stated_or_not_counted(nv: Any, limit: Any, says: str) -> None:
    refused = run_lua(lua.guard(), nv=nv, nv_limit=limit)
    assert isinstance(refused, tuple)
    status, body, headers = refused
    assert (status, body["status"], headers["retry-after"]) == (503, 503, "1")
    assert body["detail"].startswith(says)
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("fields", [{"ratelimit": "a"}, {}, []], ids=str)
def test_guard_adds_fields_of_the_limiter(fields: Any) -> None:
    """No fields are a valid case too: Kong then passes an empty table."""
    assert run_lua(lua.guard(), nv=STATED, nv_limit=fields) == dict(fields)


def test_limiter_tells_the_guard_on_every_route() -> None:
    limits = [each.fields for each in entities_of() if each.fields.get("name") == LIMIT]
    assert limits
    assert all(each["config"]["guarded"] for each in limits)


def test_helpers_answer_problems() -> None:
    found = run_lua(lua.not_found())
    assert isinstance(found, tuple)
    assert (found[0], found[1]["detail"]) == (404, "No route matches this path")
    found = run_lua(lua.method_not_allowed(["GET", "HEAD"]))
    assert isinstance(found, tuple)
    assert (found[0], found[2]["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(("name", "owner"), [("My Shop_2", "my-shop-2"), ("…", "project")])
def test_owner_has_letters_that_kong_accepts(name: str, owner: str) -> None:
    assert owner_of(name).name == owner


def count_calls(number: int) -> int:
    """Count the Python and C calls for rendering and comparing this many functions."""
    functions = [
        Function(
            f"s{each % 9}.f{each}", f"s{each % 9}", Http(method="GET", path=f"/p{each}/{{id}}")
        )
        for each in range(number)
    ]
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        entities = entities_of(functions)
        compare(entities, entities)
        render_document(entities)
    finally:
        sys.setprofile(None)
    return calls


def test_rendering_grows_no_faster_than_functions() -> None:
    count_calls(10)  # fill the caches
    fewer = count_calls(500)
    assert count_calls(1000) <= 2.05 * fewer

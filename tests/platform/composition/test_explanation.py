"""The explanation of a call: function, limits, plugins, and each value's origin."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova_platform.composition import inventory
from neurova_platform.composition.explanation import Explanation, Input, Step, explain
from neurova_platform.scaffold import scaffold
from neurova_platform.settings.loading import load

SOURCE = '''"""Book."""
import asyncio
from typing import Annotated

import msgspec

from neurova import Caller, Header, post


class New(msgspec.Struct):
    text: str


@post("/rooms/{room}", scopes=["room:book"], limit="5/minute", timeout=3, concurrency=2, cost=4)
async def book(
    room: int, new: New, caller: Caller, agent: Annotated[str, Header] = "", dry: bool = False
) -> str:
    """Book a room."""
    await asyncio.sleep(0)
    return ""
'''


PUBLIC = """
from neurova import post


@post("/p", public=True)
async def p() -> None:
    pass
"""
LIMITED = """
import asyncio
from neurova import Deadline, get


@get("/b")
async def b({parameters}) -> None:
    {body}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project with an additional function."""
    scaffold.write(tmp_path, scaffold.plan_project("demo"))
    (tmp_path / "functions" / "hello" / "book.py").write_text(SOURCE)
    return tmp_path


def explained(root: Path, method: str, path: str, toml: str = "", **environ: str) -> Explanation:
    if toml:
        (root / "neurova.toml").write_text(toml)
    found = load(root, environ=environ)
    return explain(method, path, inventory.load_functions(found), found)


def test_function_is_named_with_its_inputs(root: Path) -> None:
    found = explained(root, "POST", "/rooms/7?dry=1")
    assert (found.status, found.function, found.summary) == (200, "hello.book", "Book a room.")
    assert found.access == "room:book"
    assert explained(root, "HEAD", "/hello/Ada").route == "GET /hello/{name}"
    assert found.inputs == (
        Input("room", "path", "int", True),
        Input("new", "body", "New", True),
        Input("agent", "header", "str", False),
        Input("dry", "query", "bool", False),
    )


def test_each_value_has_its_origin(root: Path) -> None:
    toml = '[gateway]\nmax_body = "2 MiB"\n'
    found = explained(root, "POST", "/rooms/7", toml, NEUROVA_GATEWAY_LIMIT="9/hour")
    values = {value.key: (value.value, value.origin) for value in found.values}
    assert values["limit"] == ("5/minute", found.file)
    assert values["timeout"] == (3.0, found.file)
    assert values["concurrency"] == (2, found.file)
    assert values["cost"] == (4, found.file)
    assert values["retries"] == (0, "default")
    assert values["gateway.max_body"] == (2 << 20, "neurova.toml:2")
    assert values["gateway.limit"] == ("9/hour", "environment NEUROVA_GATEWAY_LIMIT")


def test_post_reports_idempotency_support(root: Path) -> None:
    (root / "functions" / "hello" / "p.py").write_text(PUBLIC)

    def support(method: str, path: str) -> list[object]:
        found = explained(root, method, path).values
        return [value.value for value in found if value.key == "idempotency-key"]

    assert support("POST", "/rooms/7") == ["stored for 24 hours"]
    assert support("POST", "/p") == ["refused: the caller is unknown"]
    assert support("GET", "/hello/Ada") == []


@pytest.mark.parametrize(
    ("parameters", "body", "limits"),
    [
        ("", "await asyncio.sleep(0)", [(30.0, "default"), (1_000, "default")]),
        ("", "pass", [("", "the function never waits")] * 2),
        ("deadline: Deadline", "pass", [(30.0, "default"), ("", "the function never waits")]),
    ],
)
def test_default_limits_follow_what_the_function_does(
    root: Path, parameters: str, body: str, limits: list[tuple[object, str]]
) -> None:
    source = LIMITED.format(parameters=parameters, body=body)
    (root / "functions" / "hello" / "b.py").write_text(source)
    values = {value.key: value for value in explained(root, "GET", "/b").values}
    assert [(values[key].value, values[key].origin) for key in ("timeout", "concurrency")] == limits


def test_plugins_are_listed_by_priority(root: Path) -> None:
    auth, limit = Step("neurova-auth", 1250), Step("neurova-rate-limit", 910)
    assert explained(root, "GET", "/hello/Ada").plugins == (auth, limit)
    cors = '[gateway.cors]\norigins = ["https://a.example"]\n'
    found = explained(root, "GET", "/hello/Ada", cors).plugins
    assert found == (Step("cors", 2000), auth, limit)


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/helo/Ada", 404, "No route matches this path"),
        ("GET", "/hello/Ada/", 404, "No route matches this path"),
        ("PUT", "/hello/Ada", 405, "Method not allowed, use GET, HEAD"),
        ("BREW", "/hello/Ada", 501, "Method not implemented"),
        ("GET", "/.well-known/neurova/health", 200, "health of the platform"),
        ("GET", "/hello//Ada", 400, "empty segment"),
        ("GET", "/hello/%2e%2e", 400, ""),
        ("GET", "/hello/a;b", 400, ""),
    ],
)
def test_refusals_match_those_of_the_gateway(
    root: Path, method: str, path: str, status: int, reason: str
) -> None:
    found = explained(root, method, path)
    assert found.status == status
    assert reason in found.reason
    assert found.function == ""
    if path == "/helo/Ada":
        assert found.near[0] == "GET /hello/{name}"

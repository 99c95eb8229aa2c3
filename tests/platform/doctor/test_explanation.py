"""An explanation: what a call meets, and where each value comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova_platform.composition import inventory
from neurova_platform.doctor.explanation import Explanation, Input, Step, explain
from neurova_platform.scaffold import scaffold
from neurova_platform.settings import loading as settings

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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a project with one more function."""
    scaffold.write(tmp_path, scaffold.plan_project("demo"))
    (tmp_path / "functions" / "hello" / "book.py").write_text(SOURCE)
    return tmp_path


def explained(root: Path, method: str, path: str, toml: str = "", **environ: str) -> Explanation:
    if toml:
        (root / "neurova.toml").write_text(toml)
    found = settings.load(root, environ=environ)
    return explain(method, path, inventory.functions(found), found)


def test_a_function_is_named_with_what_it_reads(root: Path) -> None:
    found = explained(root, "POST", "/rooms/7?dry=1")
    assert (found.status, found.function, found.says) == (200, "hello.book", "Book a room.")
    assert found.access == "room:book"
    assert found.inputs == (
        Input("room", "path", "int", True),
        Input("new", "body", "New", True),
        Input("agent", "header", "str", False),
        Input("dry", "query", "bool", False),
    )


def test_each_value_says_where_it_comes_from(root: Path) -> None:
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


def test_a_post_says_whether_it_takes_an_idempotency_key(root: Path) -> None:
    source = (
        "from neurova import post\n\n@post('/p', public=True)\nasync def p() -> None:\n    pass\n"
    )
    (root / "functions" / "hello" / "p.py").write_text(source)

    def said(method: str, path: str) -> list[object]:
        found = explained(root, method, path).values
        return [value.value for value in found if value.key == "idempotency-key"]

    assert said("POST", "/rooms/7") == ["kept for 24 hours"]
    assert said("POST", "/p") == ["refused: who calls is not known"]
    assert said("GET", "/hello/Ada") == []


def test_what_the_platform_bounds_by_itself_is_told_too(root: Path) -> None:
    assert bounds(root, "await asyncio.sleep(0)") == [(30.0, "default"), (1_000, "default")]


def test_what_never_waits_has_neither_timeout_nor_concurrency(root: Path) -> None:
    assert bounds(root, "pass") == [("", "it never waits")] * 2


def test_who_asks_for_the_deadline_of_what_never_waits_is_told_its_timeout(root: Path) -> None:
    found = bounds(root, "pass", "deadline: Deadline")
    assert found == [(30.0, "default"), ("", "it never waits")]


def bounds(root: Path, body: str, parameters: str = "") -> list[tuple[object, str]]:
    source = "import asyncio\nfrom neurova import Deadline, get\n\n@get('/b')\n"
    source += f"async def b({parameters}) -> None:\n    {body}\n"
    (root / "functions" / "hello" / "b.py").write_text(source)
    values = {value.key: value for value in explained(root, "GET", "/b").values}
    return [(values[key].value, values[key].origin) for key in ("timeout", "concurrency")]


def test_plugins_come_in_the_order_in_which_they_run(root: Path) -> None:
    auth, limit = Step("neurova-auth", 1250), Step("neurova-rate-limit", 910)
    assert explained(root, "GET", "/hello/Ada").plugins == (auth, limit)
    cors = '[gateway.cors]\norigins = ["https://a.example"]\n'
    found = explained(root, "GET", "/hello/Ada", cors).plugins
    assert found == (Step("cors", 2000), auth, limit)


def test_head_is_answered_by_get(root: Path) -> None:
    assert explained(root, "HEAD", "/hello/Ada").route == "GET /hello/{name}"


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/helo/Ada", 404, "no function has this path"),
        ("GET", "/hello/Ada/", 404, "no function has this path"),
        ("PUT", "/hello/Ada", 405, "use GET, HEAD"),
        ("BREW", "/hello/Ada", 501, "no such method"),
        ("GET", "/.well-known/neurova/health", 200, "the platform itself"),
        ("GET", "/hello//Ada", 400, "empty segment"),
        ("GET", "/hello/%2e%2e", 400, ""),
        ("GET", "/hello/a;b", 400, ""),
    ],
)
def test_what_no_function_answers_is_said_as_the_gateway_would(
    root: Path, method: str, path: str, status: int, said: str
) -> None:
    found = explained(root, method, path)
    assert found.status == status
    assert said in found.reason
    assert found.function == ""


def test_an_unknown_path_names_the_nearest_route(root: Path) -> None:
    assert explained(root, "GET", "/helo/Ada").near[0] == "GET /hello/{name}"

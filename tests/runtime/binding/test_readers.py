"""Parameters from path, query, header, cookie and platform are converted to their types."""

import json
from typing import Any

import pytest
from tests.runtime.project import Project

from neurova.http.caller import Caller

HEAD = """
from neurova import *
import msgspec
from datetime import *
from decimal import Decimal
from enum import Enum
from typing import *
from uuid import UUID

class Kind(Enum):
    ROOM = "room"
    SUITE = "suite"

class Level(Enum):
    LOW = 1

Few = Annotated[int, msgspec.Meta(ge=1, le=9)]
Name = NewType("Name", str)
"""
DEFAULTS = """
from dataclasses import dataclass
from typing import Annotated, Any
import msgspec
from neurova import Header, post

class Options(msgspec.Struct):
    tags: list[int] = []

class Frozen(msgspec.Struct, frozen=True):
    tags: list[int]

@dataclass
class Data:
    tags: list[int]

@dataclass(eq=False)
class ById:
    tags: list[int]

"""
PROVIDED = """
@post("/x", timeout=9)
async def f(request: Request, caller: Caller, log: Log, deadline: Deadline) -> dict:
    log.info("called")
    return {
        "caller": [caller.consumer, caller.anonymous],
        "body": (await request.body()).decode(),
        "url": str(request.url),
        "query": dict(request.query_params),
        "cookies": request.cookies,
        "left": 8 < deadline.remaining() <= 9,
    }
"""


async def evaluate(project: Project, parameter: str, call: Any) -> Any:
    """Return the repr of parameter `a`, or the status and problem of a refusal."""
    function = project.function(
        HEAD + f'@get("/x")\nasync def f({parameter}) -> str:\n    return repr(a)\n'
    )
    reply = await project.reply(function, call)
    return reply.body.decode() if reply.status == 200 else (reply.status, json.loads(reply.body))


@pytest.mark.parametrize(
    ("kind", "query", "value"),
    [
        *(("int", "a=-3", "-3"), ("float", "a=1.5", "1.5")),
        *(("bool", "a=true", "True"), ("bool", "a=0", "False")),
        *(("str", "a=%C3%A9+b", "'é b'"), ("str", "a", "''")),
        ("date", "a=2026-02-03", "datetime.date(2026, 2, 3)"),
        ("datetime", "a=2026-02-03T04:05:06", "datetime.datetime(2026, 2, 3, 4, 5, 6)"),
        ("timedelta", "a=P1D", "datetime.timedelta(days=1)"),
        ("UUID", "a=" + "0" * 32, "UUID('00000000-0000-0000-0000-000000000000')"),
        ("Decimal", "a=1.10", "Decimal('1.10')"),
        ("Decimal", "a=1e400", "Decimal('1E+400')"),
        ("Kind", "a=room", "<Kind.ROOM: 'room'>"),
        ("Level", "a=1", "<Level.LOW: 1>"),
        *(("Literal['x', 'y']", "a=y", "'y'"), ("Literal[1, 2]", "a=2", "2")),
        *(("Few", "a=9", "9"), ("Name", "a=n", "'n'")),
        *(("int | None", "a=4", "4"), ("Optional[int]", "", "None"), ("int = 7", "", "7")),
        *(("list[int]", "a=1&b=0&a=2", "[1, 2]"), ("list[str]", "a=x", "['x']")),
        ("str | None = None", "a=null", "'null'"),
        ("list[int] = [5]", "", "[5]"),
    ],
)
async def test_query_value_is_converted_to_its_type(
    project: Project, kind: str, query: str, value: str
) -> None:
    assert await evaluate(project, f"a: {kind}", project.call(query=query)) == value


@pytest.mark.parametrize(
    ("kind", "query", "pointers"),
    [
        *(("int", query, ["/a"]) for query in ("", "a=", "a=x", "a=1&a=2", "a=" + "9" * 5000)),
        ("int | None", "a=null", ["/a"]),
        *(("float", query, ["/a"]) for query in ("a=nan", "a=1e999")),
        *(("Decimal", query, ["/a"]) for query in ("a=Infinity", "a=sNaN")),
        ("Kind", "a=hall", ["/a"]),
        ("Literal[1, 2]", "a=3", ["/a"]),
        ("Few", "a=10", ["/a"]),
        ("list[int]", "", ["/a"]),
        ("list[int]", "a=x&a=1&a=y", ["/a/0", "/a/2"]),
        ("list[float]", "a=nan&a=1&a=y", ["/a/0", "/a/2"]),
        ("Annotated[list[int], msgspec.Meta(max_length=2)]", "a=x&a=1&a=y", ["/a/0", "/a/2"]),
        ("Annotated[list[int], msgspec.Meta(max_length=2)]", "a=1&a=1&a=1", ["/a"]),
        ("list[int] | None", "a=x&a=y", ["/a/0", "/a/1"]),
        ("NewType('Ids', list[int])", "a=x&a=y", ["/a/0", "/a/1"]),
        ("list[int]", "&".join(["a=x"] * 500), [f"/a/{at}" for at in range(100)]),
        ('Annotated[str, Header("x-tenant")]', "", ["/x-tenant"]),
        ('Annotated[str, Cookie("session")]', "", ["/session"]),
    ],
)
async def test_invalid_value_is_named(
    project: Project, kind: str, query: str, pointers: list[str]
) -> None:
    status, problem = await evaluate(project, f"a: {kind}", project.call(query=query))
    assert status == 422
    assert [fault["pointer"] for fault in problem["errors"]] == pointers
    place = "header" if "Header" in kind else "cookie" if "Cookie" in kind else "query"
    assert {fault["in"] for fault in problem["errors"]} == {place}
    assert "hall" not in str(problem)
    assert "got" not in str(problem)


@pytest.mark.parametrize("query", ["a=%zz", "a=%2", "a=1&b=%ff", "%c3=1"])
async def test_undecodable_query_is_400(project: Project, query: str) -> None:
    status, problem = await evaluate(project, "a: str = ''", project.call(query=query))
    assert status == 400
    assert problem["errors"][0]["in"] == "query"


async def test_path_parameter_is_converted_or_named(project: Project) -> None:
    function = project.define('@get("/x/{id}")\nasync def f(id: int) -> str: return repr(id)')
    assert (await project.reply(function, project.call(id="3"))).body == b"3"
    reply = await project.reply(function, project.call(id="three"))
    assert (reply.status, project.faults(reply)) == (422, {("path", "/id")})


@pytest.mark.parametrize(
    ("parameters", "value"),
    [
        ('a: Annotated[str, Header("X-Tenant")]', "'acme'"),
        ("x_level: Annotated[int, Header], a: int = 1", "1"),
        ('a: Annotated[int, Header("x-level"), msgspec.Meta(le=3)]', "3"),
        ('a: Annotated[str, Header("x-none")] = "d"', "'d'"),
        ('a: Annotated[list[str], Header("x-tag")]', "['a', 'b', 'c']"),
        ('a: Annotated[list[int], Header("x-empty")]', "[]"),
        ('a: Annotated[list[int], Header("x-gaps")]', "[1, 2]"),
        ('a: Annotated[str, Cookie("session")]', "'xyz'"),
        ("a: Annotated[int, Cookie]", "1"),
    ],
)
async def test_header_or_cookie_is_read(project: Project, parameters: str, value: str) -> None:
    """Several lines of a header form one list; empty elements are skipped."""
    headers = {
        "x-tenant": "acme",
        "x-level": "3",
        "x-tag": "a, b",
        "x-empty": " ",
        "x-gaps": ", 1,, 2,",
        "cookie": 'b=2; session="xyz"; a=1',
    }
    call = project.call(headers=headers)
    call.fields.append((b"x-tag", b"c"))
    assert await evaluate(project, parameters, call) == value


async def test_platform_provides_caller_log_deadline_and_request(project: Project) -> None:
    function = project.define(PROVIDED)
    call = project.call(b"raw", query="q=1", headers={"cookie": "c=2"})
    for caller, expected in ((Caller("ada", "k1"), ["ada", False]), (None, ["", True])):
        call.caller = caller
        assert json.loads((await project.reply(function, call)).body) == {
            "caller": expected,
            "body": "raw",
            "url": "http://localhost/x?q=1",
            "query": {"q": "1"},
            "cookies": {"c": "2"},
            "left": True,
        }


async def test_positional_and_keyword_parameters_are_bound(project: Project) -> None:
    signature = "a: int, /, b: str, *, c: int = 3, d: str"
    source = f'@get("/x/{{b}}")\nasync def f({signature}) -> list: return [a, b, c, d]'
    call = project.call(query="a=1&d=4&unknown=x", b="2")
    assert (await project.reply(project.define(source), call)).body == b'[1,"2",3,"4"]'


@pytest.mark.parametrize(
    ("parameter", "change", "expected"),
    [
        ("a: list[int] = []", "a.append(1)", b"[1]"),
        ("a: Annotated[list[int], Header] = []", "a.append(1)", b"[1]"),
        ("a: dict[str, int] = {}", "a[str(len(a))] = 1", b'{"0":1}'),
        ("a: list[dict[str, int]] = [{}]", "a[0][str(len(a[0]))] = 1", b'[{"0":1}]'),
        ("a: Options = Options()", "a.tags.append(1)", b'{"tags":[1]}'),
        ("a: Frozen = Frozen([])", "a.tags.append(1)", b'{"tags":[1]}'),
        ("a: ById = ById([])", "a.tags.append(1)", b'{"tags":[1]}'),
        ("a: Data = Data([])", "a.tags.append(1)", b'{"tags":[1]}'),
    ],
)
async def test_default_is_fresh_for_each_call(
    project: Project, parameter: str, change: str, expected: bytes
) -> None:
    source = f'@post("/x")\nasync def f({parameter}) -> Any:\n    {change}\n    return a\n'
    function = project.function(DEFAULTS + source)
    replies = [await project.reply(function, project.call(method="POST")) for _ in range(2)]
    assert [reply.body for reply in replies] == [expected] * 2


@pytest.mark.parametrize(
    "kind",
    [
        *("datetime", "date | None", "list[datetime]", "time", 'NewType("Day", date)'),
        "Annotated[datetime, msgspec.Meta(tz=True)]",
        "list[Annotated[time, msgspec.Meta(tz=True)]]",
    ],
)
@pytest.mark.parametrize("query", ["a=0", "a=0.5", "a=1e3"])
async def test_date_or_time_is_never_read_from_a_number(
    project: Project, kind: str, query: str
) -> None:
    status, body = await evaluate(project, f"a: {kind} = None", project.call(query=query))
    assert status == 422
    assert body["errors"][0]["pointer"] in ("/a", "/a/0")

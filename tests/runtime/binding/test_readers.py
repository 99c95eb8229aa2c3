"""Parameters come from path, query, header, cookie and platform, in the type they ask for."""

import json
from typing import Any

import pytest

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


def seen(house: Any, parameter: str, call: Any) -> Any:
    """Return how the parameter `a` looks to the function, or the reply that refuses it."""
    function = house.function(
        HEAD + f'@get("/x")\nasync def f({parameter}) -> str:\n    return repr(a)\n'
    )
    reply = house.ask(function, call)
    return reply.body.decode() if reply.status == 200 else (reply.status, json.loads(reply.body))


@pytest.mark.parametrize(
    ("kind", "query", "value"),
    [
        ("int", "a=-3", "-3"),
        ("float", "a=1.5", "1.5"),
        ("bool", "a=true", "True"),
        ("bool", "a=0", "False"),
        ("str", "a=%C3%A9+b", "'é b'"),
        ("str", "a", "''"),
        ("date", "a=2026-02-03", "datetime.date(2026, 2, 3)"),
        ("datetime", "a=2026-02-03T04:05:06", "datetime.datetime(2026, 2, 3, 4, 5, 6)"),
        ("timedelta", "a=P1D", "datetime.timedelta(days=1)"),
        ("UUID", "a=" + "0" * 32, "UUID('00000000-0000-0000-0000-000000000000')"),
        ("Decimal", "a=1.10", "Decimal('1.10')"),
        ("Decimal", "a=1e400", "Decimal('1E+400')"),
        ("Kind", "a=room", "<Kind.ROOM: 'room'>"),
        ("Level", "a=1", "<Level.LOW: 1>"),
        ("Literal['x', 'y']", "a=y", "'y'"),
        ("Literal[1, 2]", "a=2", "2"),
        ("Few", "a=9", "9"),
        ("Name", "a=n", "'n'"),
        ("int | None", "a=4", "4"),
        ("Optional[int]", "", "None"),
        ("list[int]", "a=1&b=0&a=2", "[1, 2]"),
        ("list[str]", "a=x", "['x']"),
        ("int = 7", "", "7"),
        ("str | None = None", "a=null", "'null'"),
        ("list[int] = [5]", "", "[5]"),
    ],
)
def test_a_query_value_comes_in_its_type(house: Any, kind: str, query: str, value: str) -> None:
    assert seen(house, f"a: {kind}", house.call(query=query)) == value


@pytest.mark.parametrize(
    ("kind", "query", "pointer"),
    [
        ("int", "", "/a"),
        ("int", "a=", "/a"),
        ("int", "a=x", "/a"),
        ("int", "a=1&a=2", "/a"),
        ("int | None", "a=null", "/a"),
        ("float", "a=nan", "/a"),
        ("float", "a=1e999", "/a"),
        ("Decimal", "a=Infinity", "/a"),
        ("Decimal", "a=sNaN", "/a"),
        ("datetime", "a=0", "/a"),
        ("Kind", "a=hall", "/a"),
        ("Literal[1, 2]", "a=3", "/a"),
        ("Few", "a=10", "/a"),
        ("list[int]", "a=1&a=x", "/a/1"),
        ("list[int]", "", "/a"),
        ("int", "a=" + "9" * 5000, "/a"),
    ],
)
def test_a_query_value_that_does_not_fit_is_named(
    house: Any, kind: str, query: str, pointer: str
) -> None:
    status, problem = seen(house, f"a: {kind}", house.call(query=query))
    assert status == 422
    assert [(fault["in"], fault["pointer"]) for fault in problem["errors"]] == [("query", pointer)]
    assert "hall" not in str(problem)
    assert "got" not in str(problem)


@pytest.mark.parametrize(
    ("kind", "query", "places"),
    [
        ("list[int]", "a=x&a=1&a=y", ["/a/0", "/a/2"]),
        ("list[float]", "a=nan&a=1&a=y", ["/a/0", "/a/2"]),
        ("Annotated[list[int], msgspec.Meta(max_length=2)]", "a=x&a=1&a=y", ["/a/0", "/a/2"]),
        ("Annotated[list[int], msgspec.Meta(max_length=2)]", "a=1&a=1&a=1", ["/a"]),
        ("list[int] | None", "a=x&a=y", ["/a/0", "/a/1"]),
        ("NewType('Ids', list[int])", "a=x&a=y", ["/a/0", "/a/1"]),
        ("list[int]", "&".join(["a=x"] * 500), [f"/a/{at}" for at in range(100)]),
    ],
)
def test_each_value_of_a_list_that_does_not_fit_is_named(
    house: Any, kind: str, query: str, places: list[str]
) -> None:
    status, problem = seen(house, f"a: {kind}", house.call(query=query))
    assert status == 422
    assert [fault["pointer"] for fault in problem["errors"]] == places


@pytest.mark.parametrize("query", ["a=%zz", "a=%2", "a=1&b=%ff", "%c3=1"])
def test_a_query_that_cannot_be_decoded_is_400(house: Any, query: str) -> None:
    status, problem = seen(house, "a: str = ''", house.call(query=query))
    assert status == 400
    assert problem["errors"][0]["in"] == "query"


def test_a_query_name_that_nobody_declared_is_ignored(house: Any) -> None:
    assert seen(house, "a: int", house.call(query="a=1&utm_source=x")) == "1"


def test_a_path_parameter_comes_in_its_type_and_is_named_when_it_does_not_fit(house: Any) -> None:
    function = house.function(
        'from neurova import get\n@get("/x/{id}")\nasync def f(id: int) -> str:\n'
        "    return repr(id)\n"
    )
    assert house.ask(function, house.call(id="3")).body == b"3"
    reply = house.ask(function, house.call(id="three"))
    assert (reply.status, house.faults(reply)) == (422, {("path", "/id")})


def test_headers_are_read_by_name_or_by_the_parameters_own(house: Any) -> None:
    call = house.call(headers={"x-tenant": "acme", "x-level": "3"})
    assert seen(house, 'a: Annotated[str, Header("X-Tenant")]', call) == "'acme'"
    assert seen(house, "x_level: Annotated[int, Header], a: int = 1", call) == "1"
    assert seen(house, 'a: Annotated[int, Header("x-level"), msgspec.Meta(le=3)]', call) == "3"
    assert seen(house, 'a: Annotated[str, Header("x-none")] = "d"', call) == "'d'"


def test_a_header_of_several_lines_is_one_list(house: Any) -> None:
    call = house.call(headers={"x-tag": "a, b"})
    call.fields.append((b"x-tag", b"c"))
    assert seen(house, 'a: Annotated[list[str], Header("x-tag")]', call) == "['a', 'b', 'c']"


def test_an_empty_element_of_a_list_is_none(house: Any) -> None:
    parameter = 'a: Annotated[list[int], Header("x-a")]'
    for text, value in ((" ", "[]"), (", 1,, 2,", "[1, 2]")):
        assert seen(house, parameter, house.call(headers={"x-a": text})) == value


def test_a_missing_header_is_named(house: Any) -> None:
    status, problem = seen(house, 'a: Annotated[str, Header("x-tenant")]', house.call())
    assert status == 422
    assert problem["errors"] == [{"pointer": "/x-tenant", "message": "is required", "in": "header"}]


def test_a_cookie_is_read_by_name(house: Any) -> None:
    call = house.call(headers={"cookie": 'b=2; session="xyz"; a=1'})
    assert seen(house, 'a: Annotated[str, Cookie("session")]', call) == "'xyz'"
    assert seen(house, "a: Annotated[int, Cookie]", call) == "1"
    status, problem = seen(house, 'a: Annotated[str, Cookie("none")]', call)
    assert (status, problem["errors"][0]["in"]) == (422, "cookie")


def test_the_platform_gives_caller_log_deadline_and_request(house: Any) -> None:
    function = house.function(
        """
        from neurova import Caller, Deadline, Log, Request, post

        @post("/x", timeout=9)
        async def f(request: Request, caller: Caller, log: Log, deadline: Deadline) -> dict:
            log.info("seen")
            return {
                "consumer": caller.consumer,
                "body": (await request.body()).decode(),
                "path": request.url.path,
                "query": dict(request.query_params),
                "left": 8 < deadline.remaining() <= 9,
            }
        """
    )
    call = house.call(b"raw", query="q=1")
    call.caller = Caller("ada", "k1")
    assert json.loads(house.ask(function, call).body) == {
        "consumer": "ada",
        "body": "raw",
        "path": "/x",
        "query": {"q": "1"},
        "left": True,
    }


def test_a_call_without_a_caller_is_anonymous(house: Any) -> None:
    assert seen(house, "c: Caller, a: int = 1", house.call()) == "1"
    function = house.function(
        'from neurova import Caller, get\n@get("/x")\nasync def f(c: Caller) -> bool:\n'
        "    return c.anonymous\n"
    )
    assert house.ask(function).body == b"true"


def test_parameters_by_keyword_and_by_position_come_to_their_names(house: Any) -> None:
    function = house.function(
        'from neurova import get\n@get("/x/{b}")\n'
        "async def f(a: int, /, b: str, *, c: int = 3, d: str) -> list:\n    return [a, b, c, d]\n"
    )
    assert house.ask(function, house.call(query="a=1&d=4", b="2")).body == b'[1,"2",3,"4"]'


def test_a_default_list_is_each_calls_own(house: Any) -> None:
    function = house.function(
        'from neurova import get\n@get("/x")\nasync def f(a: list[int] = []) -> list[int]:\n'
        "    a.append(1)\n    return a\n"
    )
    assert house.ask(function).body == b"[1]"
    assert house.ask(function).body == b"[1]"


@pytest.mark.parametrize(
    "kind",
    [
        "datetime",
        "date | None",
        "list[datetime]",
        "Annotated[datetime, msgspec.Meta(tz=True)]",
        "list[Annotated[time, msgspec.Meta(tz=True)]]",
        'NewType("Day", date)',
        "time",
    ],
)
@pytest.mark.parametrize("query", ["a=0", "a=0.5", "a=1e3"])
def test_a_moment_is_read_as_written_never_from_a_number(house: Any, kind: str, query: str) -> None:
    status, body = seen(house, f"a: {kind} = None", house.call(query=query))
    assert status == 422
    assert body["errors"][0]["pointer"] in ("/a", "/a/0")

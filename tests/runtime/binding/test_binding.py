"""A body comes decoded, or the reply names all that is wrong with the whole request."""

import json
from typing import Any

import pytest

from neurova.endpoints.function import HttpFunction

SOURCE = """
from __future__ import annotations
from typing import Annotated
import msgspec
from neurova import Header, post

class New(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    nights: Annotated[int, msgspec.Meta(ge=1)] = 1

@post("/x/{id}")
async def f(
    id: int, new: New, tenant: Annotated[int, Header("x-tenant")] = 0, depth: int = 1
) -> dict:
    return {"id": id, "name": new.name, "nights": new.nights, "depth": depth}
"""
DATACLASS = """
from dataclasses import dataclass
from neurova import put

@dataclass
class Stay:
    nights: int

@put("/x")
async def f(stays: list[Stay]) -> int:
    return sum(stay.nights for stay in stays)
"""
MAYBE = """
import msgspec
from neurova import delete

class Why(msgspec.Struct):
    reason: str

@delete("/x")
async def f(why: Why | None) -> str:
    return why.reason if why else "none"
"""


@pytest.fixture
def function(house: Any) -> HttpFunction:
    return house.function(SOURCE)


def test_a_body_comes_decoded_beside_path_and_query(house: Any, function: HttpFunction) -> None:
    reply = house.ask(function, house.call({"name": "ada"}, id="3", query="depth=2"))
    assert (reply.status, reply.content_type) == (200, b"application/json")
    assert json.loads(reply.body) == {"id": 3, "name": "ada", "nights": 1, "depth": 2}


def test_all_faults_of_all_places_are_named_at_once(house: Any, function: HttpFunction) -> None:
    call = house.call(
        {"nights": 0, "nigths": 2}, id="x", query="depth=y", headers={"x-tenant": "z"}
    )
    call.fields.append((b"content-type", b"application/json"))
    reply = house.ask(function, call)
    assert (reply.status, reply.content_type) == (422, b"application/problem+json")
    assert house.faults(reply) == {
        ("path", "/id"),
        ("query", "/depth"),
        ("header", "/x-tenant"),
        ("body", "/name"),
        ("body", "/nights"),
        ("body", "/nigths"),
    }


def test_a_body_that_cannot_be_read_is_400_and_the_other_faults_stay(
    house: Any, function: HttpFunction
) -> None:
    reply = house.ask(function, house.call(b"{", id="x"))
    assert reply.status == 400
    assert house.faults(reply) == {("path", "/id"), ("body", "")}


def test_a_query_that_cannot_be_read_is_400_and_the_other_faults_stay(
    house: Any, function: HttpFunction
) -> None:
    reply = house.ask(function, house.call({"name": 1}, id="1", query="depth=%"))
    assert reply.status == 400
    assert house.faults(reply) == {("query", ""), ("body", "/name")}


def test_an_empty_body_where_one_is_needed_is_400(house: Any, function: HttpFunction) -> None:
    for body in (b"", b" \n"):
        reply = house.ask(function, house.call(body, id="1", method="POST"))
        assert (reply.status, house.faults(reply)) == (400, {("body", "")})


def test_a_body_may_be_a_list_of_dataclasses(house: Any) -> None:
    function = house.function(DATACLASS)
    assert house.ask(function, house.call([{"nights": 2}, {"nights": 3}])).body == b"5"
    reply = house.ask(function, house.call([{"nights": 2}, {"nights": "3"}, {}]))
    assert house.faults(reply) == {("body", "/1/nights"), ("body", "/2/nights")}


def test_a_body_may_be_left_out_when_its_type_says_so(house: Any) -> None:
    function = house.function(MAYBE)
    assert house.ask(function, house.call(method="DELETE")).body == b"none"
    assert house.ask(function, house.call({"reason": "rain"})).body == b"rain"
    assert house.ask(function, house.call(b"null")).body == b"none"
    assert house.ask(function, house.call({})).status == 422


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "json"},
        {"content-type": ""},
        {"content-encoding": "gzip"},
    ],
)
def test_a_body_that_is_not_said_to_be_json_is_415(
    house: Any, function: HttpFunction, headers: dict[str, str]
) -> None:
    body = b"\x1f\x8b\x08" if "content-encoding" in headers else b'{"name": "a"}'
    reply = house.ask(function, house.call(body, id="1", headers=headers))
    assert reply.status == 415
    assert (b"accept", b"application/json") in reply.fields


@pytest.mark.parametrize("text", ["NaN", " -inf ", "sNaN1", "Infinity", "\\u004eaN"])
def test_a_decimal_of_a_body_is_a_number(house: Any, text: str) -> None:
    function = house.function(
        "import msgspec\nfrom decimal import Decimal\nfrom neurova import post\n"
        "class New(msgspec.Struct):\n    name: str\n    prices: list[Decimal]\n"
        '@post("/x")\nasync def f(new: New) -> New:\n    return new\n'
    )
    raw = f'{{"name": "{text}", "prices": ["1e400", "{text}"]}}'.encode()
    reply = house.ask(function, house.call(raw))
    assert reply.status == 422
    assert house.faults(reply) == {("body", "/prices/1")}
    fine = house.call(raw.replace(f', "{text}"'.encode(), b""))
    assert house.ask(function, fine).status == 200


@pytest.mark.parametrize("other", ["", ", other: str = ''"])
def test_a_body_that_says_it_is_coded_and_is_not_is_415_too(house: Any, other: str) -> None:
    function = house.function(
        "import msgspec\nfrom neurova import post\nclass New(msgspec.Struct):\n    a: int\n"
        f'@post("/x")\nasync def f(new: New{other}) -> New:\n    return new\n'
    )
    for coding, status in (("gzip", 415), ("identity", 200)):
        sent = house.call({"a": 1}, headers={"content-encoding": coding})
        assert house.ask(function, sent).status == status


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=UTF-8", "Application/JSON", "application/merge-patch+json"],
)
def test_json_goes_by_several_names(house: Any, function: HttpFunction, content_type: str) -> None:
    call = house.call({"name": "a"}, id="1", headers={"content-type": content_type})
    assert house.ask(function, call).status == 200


def test_a_caller_that_takes_no_json_gets_406_before_the_function_runs(
    house: Any, function: HttpFunction
) -> None:
    def status(accept: str) -> int:
        call = house.call({"name": "a"}, id="1", headers={"accept": accept})
        return int(house.ask(function, call).status)

    assert status("text/html") == 406
    assert status("application/json;q=0, */*") == 406
    assert status("text/html, */*;q=0.1") == 200
    assert status("*/*") == 200


def test_what_may_not_be_json_is_not_refused_by_accept(house: Any) -> None:
    function = house.function(
        'from neurova import Reply, get\n@get("/x")\nasync def f() -> Reply:\n'
        '    return Reply(200, "a,b", {"content-type": "text/csv"})\n'
    )
    reply = house.ask(function, house.call(headers={"accept": "text/csv"}))
    assert (reply.status, reply.content_type) == (200, b"text/csv")


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"other": "\xff", "name": "a"}',
        b'{"other": "\\udc00", "name": "a"}',
        b"[" * 100_000,
        b'{"other": ' + b"[" * 100_000,
        b'{"name":' * 100_000,
        b'{"name": NaN}',
        b"\xef\xbb\xbf{}",
        b'{"name": "a"} x',
        b"\x00",
    ],
)
def test_what_is_not_json_is_400_where_it_is_skipped_too(house: Any, body: bytes) -> None:
    function = house.function(SOURCE.replace(", forbid_unknown_fields=True", ""))
    assert house.ask(function, house.call(body, id="1")).status == 400


def test_a_bodys_own_check_is_a_fault_and_what_it_hides_is_not_shown(house: Any) -> None:
    function = house.function(
        """
        import msgspec
        from neurova import post

        class Stay(msgspec.Struct):
            nights: int
            def __post_init__(self):
                if self.nights > 9:
                    raise ValueError("more than nine nights")
                if self.nights < 0:
                    raise KeyError("secret")

        @post("/x")
        async def f(stay: Stay) -> int:
            return stay.nights
        """
    )
    reply = house.ask(function, house.call({"nights": 10}))
    assert (reply.status, house.faults(reply)) == (422, {("body", "")})
    assert b"more than nine nights" in reply.body
    reply = house.ask(function, house.call({"nights": -1}))
    assert reply.status == 500
    assert b"secret" not in reply.body


def test_a_body_that_nobody_asked_for_is_not_read(house: Any) -> None:
    function = house.function(
        'from neurova import post\n@post("/x")\nasync def f() -> int:\n    return 1\n'
    )
    assert house.ask(function, house.call(b"\xff", headers={"content-type": "x/y"})).body == b"1"


def test_a_whole_number_with_a_fraction_of_zero_is_one(house: Any) -> None:
    source = """
        import msgspec
        from neurova import Caller, post
        class Stay(msgspec.Struct):
            nights: int
        @post("/x", status=200)
        async def f(stay: Stay{more}) -> dict[str, int]:
            return {"nights": stay.nights}
        """
    for more in ("", ", caller: Caller"):
        function = house.function(source.replace("{more}", more))
        for text, status in ((b'{"nights": 2.0}', 200), (b'{"nights": 2.5}', 422)):
            assert house.ask(function, house.call(text)).status == status
        assert house.ask(function, house.call(b'{"nights": 2e0, "\\u00e9": 1}')).status == 200

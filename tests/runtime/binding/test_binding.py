"""A body is decoded, or the response lists all faults of the whole request."""

import json
from typing import Any

import pytest
from tests.runtime.project import Project

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
DATACLASSES = """
from dataclasses import dataclass
from neurova import put

@dataclass
class Stay:
    nights: int

@put("/x")
async def f(stays: list[Stay]) -> int:
    return sum(stay.nights for stay in stays)
"""
OPTIONAL = """
import msgspec
from neurova import delete

class Why(msgspec.Struct):
    reason: str

@delete("/x")
async def f(why: Why | None) -> str:
    return why.reason if why else "none"
"""
DECIMALS = """
import msgspec
from decimal import Decimal
from neurova import post

class New(msgspec.Struct):
    name: str
    prices: list[Decimal]

@post("/x")
async def f(new: New) -> New:
    return new
"""
BODY_ONLY = """
import msgspec
from neurova import Caller, post

class Stay(msgspec.Struct):
    nights: int

    def __post_init__(self):
        if self.nights > 9:
            raise ValueError("more than nine nights")
        if self.nights < 0:
            raise KeyError("secret")

@post("/x")
async def f(stay: Stay) -> dict[str, int]:
    return {"nights": stay.nights}
"""
BODY_AND_MORE = BODY_ONLY.replace("stay: Stay)", "stay: Stay, caller: Caller)")
OTHER_MEDIA_TYPE = """
from neurova import Reply, post

@post("/x")
async def f() -> Reply:
    return Reply(200, "a,b", {"content-type": "text/csv"})
"""


@pytest.fixture
def function(project: Project) -> Any:
    return project.function(SOURCE)


async def test_body_is_decoded_beside_path_and_query(project: Project, function: Any) -> None:
    reply = await project.reply(function, project.call({"name": "ada"}, id="3", query="depth=2"))
    assert (reply.status, reply.content_type) == (200, b"application/json")
    assert json.loads(reply.body) == {"id": 3, "name": "ada", "nights": 1, "depth": 2}


async def test_faults_of_all_places_are_named_at_once(project: Project, function: Any) -> None:
    call = project.call(
        {"nights": 0, "nigths": 2}, id="x", query="depth=y", headers={"x-tenant": "z"}
    )
    reply = await project.reply(function, call)
    assert (reply.status, reply.content_type) == (422, b"application/problem+json")
    assert project.faults(reply) == {
        ("path", "/id"),
        ("query", "/depth"),
        ("header", "/x-tenant"),
        ("body", "/name"),
        ("body", "/nights"),
        ("body", "/nigths"),
    }


@pytest.mark.parametrize(
    ("body", "parameters", "faults"),
    [
        (b"{", {"id": "x"}, {("path", "/id"), ("body", "")}),
        (b"", {"id": "1"}, {("body", "")}),
        (b" \n", {"id": "1"}, {("body", "")}),
        ({"name": 1}, {"id": "1", "query": "depth=%"}, {("query", ""), ("body", "/name")}),
    ],
)
async def test_malformed_request_is_400_with_all_faults(
    project: Project, function: Any, body: Any, parameters: Any, faults: set[Any]
) -> None:
    reply = await project.reply(function, project.call(body, method="POST", **parameters))
    assert (reply.status, project.faults(reply)) == (400, faults)


async def test_body_may_be_a_list_of_dataclasses(project: Project) -> None:
    function = project.function(DATACLASSES)
    reply = await project.reply(function, project.call([{"nights": 2}, {"nights": 3}]))
    assert reply.body == b"5"
    reply = await project.reply(function, project.call([{"nights": 2}, {"nights": "3"}, {}]))
    assert project.faults(reply) == {("body", "/1/nights"), ("body", "/2/nights")}


@pytest.mark.parametrize(
    ("body", "status", "content"),
    [
        (None, 200, b"none"),
        ({"reason": "rain"}, 200, b"rain"),
        (b"null", 200, b"none"),
        ({}, 422, b""),
    ],
)
async def test_optional_body_may_be_missing(
    project: Project, body: Any, status: int, content: bytes
) -> None:
    reply = await project.reply(project.function(OPTIONAL), project.call(body, method="DELETE"))
    assert reply.status == status
    assert content in reply.body


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": ""},
        {"content-encoding": "gzip"},
    ],
)
@pytest.mark.parametrize("source", [SOURCE, BODY_ONLY])
async def test_body_that_is_not_plain_json_is_415(
    project: Project, source: str, headers: dict[str, str]
) -> None:
    call = project.call(b'{"name": "a", "nights": 1}', id="1", headers=headers)
    reply = await project.reply(project.function(source), call)
    assert reply.status == 415
    assert (b"accept", b"application/json") in reply.fields


@pytest.mark.parametrize("text", ["NaN", " -inf ", "sNaN1", "Infinity", "\\u004eaN"])
async def test_decimals_of_a_body_are_finite(project: Project, text: str) -> None:
    function = project.function(DECIMALS)
    raw = f'{{"name": "{text}", "prices": ["1e400", "{text}"]}}'.encode()
    reply = await project.reply(function, project.call(raw))
    assert (reply.status, project.faults(reply)) == (422, {("body", "/prices/1")})
    valid = project.call(raw.replace(f', "{text}"'.encode(), b""))
    assert (await project.reply(function, valid)).status == 200


async def test_caller_that_accepts_no_json_gets_406(project: Project, function: Any) -> None:
    for accept, status in (("text/html", 406), ("*/*", 200)):
        call = project.call({"name": "a"}, id="1", headers={"accept": accept})
        assert (await project.reply(function, call)).status == status


async def test_function_without_body_parameter_takes_and_sends_any_type(project: Project) -> None:
    function = project.function(OTHER_MEDIA_TYPE)
    call = project.call(b"\xff", headers={"content-type": "x/y", "accept": "text/csv"})
    reply = await project.reply(function, call)
    assert (reply.status, reply.content_type) == (200, b"text/csv")


@pytest.mark.parametrize(
    "body",
    [
        *(b'{"name": "\xff"}', b'{"name": "\\ud800"}', b'{"name": NaN}', b'{"name": "a"} x'),
        *(b'{"other": "\xff", "name": "a"}', b'{"other": "\\udc00", "name": "a"}'),
        *(b"[" * 100_000, b'{"other": ' + b"[" * 100_000, b'{"name":' * 100_000),
        *(b"\xef\xbb\xbf{}", b"\x00"),
    ],
)
async def test_invalid_json_is_400_also_in_unknown_fields(project: Project, body: bytes) -> None:
    function = project.function(SOURCE.replace(", forbid_unknown_fields=True", ""))
    assert (await project.reply(function, project.call(body, id="1"))).status == 400


async def test_value_error_of_a_body_is_a_fault(project: Project) -> None:
    function = project.function(BODY_ONLY)
    reply = await project.reply(function, project.call({"nights": 10}))
    assert (reply.status, project.faults(reply)) == (422, {("body", "")})
    assert b"more than nine nights" in reply.body
    reply = await project.reply(function, project.call({"nights": -1}))
    assert reply.status == 500
    assert b"secret" not in reply.body


@pytest.mark.parametrize("source", [BODY_ONLY, BODY_AND_MORE])
@pytest.mark.parametrize("body", [b'{"nights": 2.0}', b'{"nights": 2e0, "\\u00e9": 1}'])
async def test_fraction_for_an_integer_is_422(project: Project, source: str, body: bytes) -> None:
    reply = await project.reply(project.function(source), project.call(body))
    assert (reply.status, project.faults(reply)) == (422, {("body", "/nights")})


async def test_decimal_keeps_all_digits(project: Project) -> None:
    raw = b'{"name": "", "prices": [12345678901234567.89, 1e-30, "0.10"]}'
    reply = await project.reply(project.function(DECIMALS), project.call(raw))
    assert json.loads(reply.body)["prices"] == ["12345678901234567.89", "1E-30", "0.10"]

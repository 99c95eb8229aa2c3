"""What the platform offers around a function is described where it is offered, as it is."""

from __future__ import annotations

from collections.abc import Callable

import jsonschema_rs
import pytest

from neurova.endpoints.function import Function
from neurova.http.call import Call
from neurova.idempotency.rules import BadKey, key_of
from neurova_platform.openapi.offers import PARAMETERS, headers, parameters


def by_name(functions: list[Function]) -> dict[str, Function]:
    return {each.name.partition(".")[2]: each for each in functions}


def test_a_post_with_a_key_may_have_an_idempotency_key(every: list[Function]) -> None:
    of = by_name(every)
    offered = {"$ref": "#/components/parameters/Idempotency-Key"}
    assert [name for name, each in of.items() if offered in parameters(each)] == ["add"]
    assert "Idempotency-Replayed" in headers(of["add"])


def test_what_is_cached_and_ages_says_so(every: list[Function]) -> None:
    of = by_name(every)
    assert set(headers(of["name"])) == {
        *("Cache-Control", "Deprecation", "ETag", "RateLimit", "RateLimit-Policy", "Sunset"),
    }
    assert parameters(of["name"]) == [{"$ref": "#/components/parameters/If-None-Match"}]
    assert headers(of["own"]) == {}


def test_a_field_that_the_function_reads_itself_is_its_own(
    load: Callable[..., list[Function]],
) -> None:
    source = """
        from typing import Annotated
        from neurova import Header, post
        @post("/x")
        async def f(idempotency_key: Annotated[str, Header]) -> str: ...
        """
    (function,) = load(only=source)
    assert parameters(function) == []


@pytest.mark.parametrize("key", ["a", '"a b"', "a b", "", '"', "a,b", "x" * 255, "x" * 256, "é"])
def test_a_key_is_described_as_it_is_read(key: str) -> None:
    described = jsonschema_rs.Draft202012Validator(PARAMETERS["Idempotency-Key"]["schema"])
    call = Call("POST", b"/x", b"", [(b"idempotency-key", key.encode())], "")
    try:
        key_of(call)
    except BadKey:
        assert not described.is_valid(key)
    else:
        assert described.is_valid(key)

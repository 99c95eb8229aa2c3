"""Platform headers appear on exactly the operations that use them."""

from __future__ import annotations

from collections.abc import Callable

from neurova.endpoints.function import HttpFunction
from neurova_platform.openapi.headers import list_request_headers, list_response_headers


def test_post_with_a_key_has_idempotency_key(by_name: dict[str, HttpFunction]) -> None:
    reference = {"$ref": "#/components/parameters/Idempotency-Key"}
    assert [name for name, each in by_name.items() if reference in list_request_headers(each)] == [
        "add"
    ]
    assert "Idempotency-Replayed" in list_response_headers(by_name["add"])


def test_cache_and_deprecation_have_headers(by_name: dict[str, HttpFunction]) -> None:
    assert set(list_response_headers(by_name["name"])) == {
        *("Cache-Control", "Deprecation", "ETag", "RateLimit", "RateLimit-Policy", "Sunset"),
    }
    assert list_request_headers(by_name["name"]) == [
        {"$ref": "#/components/parameters/If-None-Match"}
    ]
    assert list_response_headers(by_name["own"]) == {}


def test_header_read_by_the_function_is_not_repeated(
    load: Callable[..., list[HttpFunction]],
) -> None:
    source = """
        from typing import Annotated
        from neurova import Header, post
        @post("/x")
        async def f(idempotency_key: Annotated[str, Header]) -> str: ...
        """
    (function,) = load(only=source)
    assert list_request_headers(function) == []

"""Bodies and queries that do not fit are refused with what to do."""

from __future__ import annotations

import json

import pytest

from neurova_gateway.admin.answer import LARGEST_BODY
from neurova_platform.testing.platform import TestPlatform

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "body", "status", "says"),
    [
        ({}, b"{}", 415, "application/json"),
        ({"content-type": "text/plain"}, b"{}", 415, "application/json"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=b", 415, "application/json"),
        (JSON, b"", 400, "not JSON"),
        (JSON, b"{", 400, "not JSON"),
        (JSON, b"\xff", 400, "not JSON"),
        (JSON, b"[" * 30_000, 422, "Expected `object`"),
        (JSON, b"[]", 422, "Expected `object`"),
        (JSON, b"{}", 422, "consumer"),
        (JSON, b'{"consumer": 5}', 422, "$.consumer"),
        (JSON, b'{"consumer": "a", "scope": []}', 422, "unknown field `scope`"),
        (JSON, b'{"consumer": "a", "environment": "prod"}', 422, "$.environment"),
        (JSON, b'{"consumer": "a", "expires_in": 1e999}', 422, "$.expires_in"),
        (JSON, b'{"consumer": "a", "expires_in": -1}', 422, "$.expires_in"),
        (JSON, b'{"consumer": "%s"}' % (b"a" * LARGEST_BODY), 413, str(LARGEST_BODY)),
        ({**JSON, "content-length": "999999"}, b"{}", 413, str(LARGEST_BODY)),
        ({**JSON, "content-length": "9" * 50}, b"{}", 413, str(LARGEST_BODY)),
    ],
)
def test_a_body_that_does_not_fit_makes_no_key_and_says_why(
    running: TestPlatform, headers: dict[str, str], body: bytes, status: int, says: str
) -> None:
    before = running.admin("GET", "/v1/keys").json()
    answer = running.admin("POST", "/v1/keys", headers=headers, body=body)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert says in answer.json()["detail"]
    assert running.admin("GET", "/v1/keys").json() == before


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v1/functions?limt=5", "use cursor, limit"),
        ("/v1/platform?x=1", "use none"),
        ("/v1/keys?limit=1&limit=2", "twice"),
        ("/v1/keys?limit=0", "whole number"),
        ("/v1/keys?cursor=x", "begin without one"),
        ("/v1/calls?cursor=WzEsLTFd", "begin without one"),
        ("/v1/calls?status=700", "5xx"),
        ("/v1/limits", "consumer=NAME"),
        ("/v1/limits?consumer=a&address=b", "consumer=NAME"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(running: TestPlatform, path: str, says: str) -> None:
    answer = running.admin("GET", path)
    assert answer.status == 400
    assert says in answer.json()["detail"]


def test_no_answer_is_kept_by_a_cache(running: TestPlatform) -> None:
    for path in ("/health", "/v1/keys", "/metrics", "/nowhere"):
        assert running.admin("GET", path).headers["cache-control"] == "no-store", path
    assert json.loads(running.admin("GET", "/health").body) == {"status": "live"}

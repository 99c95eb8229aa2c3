"""Invalid bodies and queries are refused, and the response names the fix."""

from __future__ import annotations

import pytest

from neurova_gateway.admin.http import MAX_BODY
from neurova_platform.testing.platform import TestPlatform

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "body", "status", "detail"),
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
        (JSON, b'{"consumer": "%s"}' % (b"a" * MAX_BODY), 413, str(MAX_BODY)),
        ({**JSON, "content-length": "999999"}, b"{}", 413, str(MAX_BODY)),
        ({**JSON, "content-length": "9" * 50}, b"{}", 413, str(MAX_BODY)),
    ],
)
def test_invalid_body_is_refused_and_creates_no_key(
    running: TestPlatform, headers: dict[str, str], body: bytes, status: int, detail: str
) -> None:
    before = running.admin("GET", "/v1/keys").json()
    response = running.admin("POST", "/v1/keys", headers=headers, body=body)
    assert response.status == status
    assert response.headers["content-type"] == "application/problem+json"
    assert detail in response.json()["detail"]
    assert running.admin("GET", "/v1/keys").json() == before


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/functions?limt=5", "allowed: cursor, limit"),
        ("/v1/platform?x=1", "allowed: none"),
        ("/v1/keys?limit=1&limit=2", "repeated"),
        ("/v1/keys?limit=0", "integer from 1"),
        ("/v1/keys?cursor=x", "start without one"),
        ("/v1/keys?state=revokd", "active, expired, revoked"),
        ("/v1/keys?environment=prod", "live, test"),
        ("/v1/calls?cursor=WzEsLTFd", "start without one"),
        ("/v1/calls?status=700", "5xx"),
        ("/v1/limits", "consumer=NAME"),
        ("/v1/limits?consumer=a&address=b", "consumer=NAME"),
    ],
)
def test_invalid_query_is_refused(running: TestPlatform, path: str, detail: str) -> None:
    response = running.admin("GET", path)
    assert response.status == 400
    assert detail in response.json()["detail"]

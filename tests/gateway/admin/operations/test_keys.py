"""/v1/keys: create, list, rotate and revoke keys."""

from __future__ import annotations

from typing import Any

import pytest

from neurova_platform.testing.platform import TestPlatform


def create(platform: TestPlatform, **fields: Any) -> dict[str, Any]:
    response = platform.admin("POST", "/v1/keys", json={"consumer": "acme", **fields})
    assert response.status == 201, response.text
    key: dict[str, Any] = response.json()
    return key


def test_created_key_has_all_requested_fields(running: TestPlatform) -> None:
    fields = {
        "consumer": "whole", "environment": "live", "scopes": ["b:y", "a:x"], "expires_in": 60.0,
        "limits": "5/second", "consumer_limits": "100/minute", "quota": 7, "cidrs": ["10.0.0.0/8"],
        "name": "a note",
    }  # fmt: skip
    key = create(running, **fields)
    del key["key"]
    assert key == running.admin("GET", f"/v1/keys/{key['key_id']}").json()
    assert key["expires_at"] - key["created_at"] == pytest.approx(60)
    del fields["expires_in"]
    assert fields | {"scopes": ["a:x", "b:y"]} == {name: key[name] for name in fields}


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"consumer": ""}, "consumer"),
        ({"consumer": "a\nb"}, "consumer"),
        ({"scopes": ["A B"]}, "A B"),
        ({"limits": "many"}, "60/minute"),
        ({"consumer_limits": "many"}, "60/minute"),
        ({"cidrs": ["10.0.0.1/8"]}, "10.0.0.0/8"),
        ({"name": "x" * 200}, "name"),
    ],
)
def test_invalid_field_returns_422_and_creates_no_key(
    running: TestPlatform, fields: dict[str, Any], detail: str
) -> None:
    before = running.admin("GET", "/v1/keys?limit=500").json()
    response = running.admin("POST", "/v1/keys", json={"consumer": "acme", **fields})
    assert response.status == 422
    assert detail in response.json()["detail"]
    assert running.admin("GET", "/v1/keys?limit=500").json() == before


def test_rotated_key_works_until_the_overlap_ends(running: TestPlatform) -> None:
    key = create(running, consumer="rotated")
    path = f"/v1/keys/{key['key_id']}"
    rotated = running.admin("POST", f"{path}/rotate", json={"overlap": 60.0})
    assert rotated.status == 201
    assert running.get("/items/1", key=key["key"]).status == 200
    assert running.get("/items/1", key=rotated.json()["key"]).json()["consumer"] == "rotated"
    running.clock.advance(61)
    assert running.get("/items/1", key=key["key"]).status == 401
    assert running.get("/items/1", key=rotated.json()["key"]).status == 200
    assert running.admin("GET", path).json()["state"] == "revoked"
    assert running.admin("POST", f"{path}/rotate", json={}).status == 409


def test_key_has_its_scopes_until_revoked(running: TestPlatform) -> None:
    key = create(running, scopes=["probe:secret"])
    assert key["environment"] == "test"  # the platform's environment
    assert running.get("/secret", key=key["key"]).status == 200
    assert running.post("/echo", json={"text": "a"}, key=key["key"]).status == 403
    response = running.admin("POST", f"/v1/keys/{key['key_id']}/revoke")
    assert response.json()["state"] == "revoked"
    running.clock.advance(1)
    assert running.get("/secret", key=key["key"]).status == 401
    for method, action in (("GET", ""), ("POST", "/rotate"), ("POST", "/revoke")):
        assert running.admin(method, f"/v1/keys/key_nothing{action}", json={}).status == 404


def test_filters_and_pages_select_each_key_once(running: TestPlatform) -> None:
    live = create(running, consumer="one", environment="live")["key_id"]
    expired = create(running, consumer="one", expires_in=1.0)["key_id"]
    running.clock.advance(2)
    for query, expected in (
        ("", {live, expired}),
        ("&state=expired", {expired}),
        ("&state=active&environment=live", {live}),
        ("&environment=live&state=expired", set()),
    ):
        listed, cursor = [], ""
        while cursor is not None:
            part = f"&limit=1&cursor={cursor}" if cursor else "&limit=1"
            page = running.admin("GET", f"/v1/keys?consumer=one{query}{part}").json()
            listed += [each["key_id"] for each in page["items"]]
            cursor = page["next"]
        assert sorted(listed) == sorted(expected), query

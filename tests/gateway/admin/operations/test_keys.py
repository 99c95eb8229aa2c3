"""Keys are made, listed, rotated and revoked as by the command line; shown once."""

from __future__ import annotations

from typing import Any

import pytest

from neurova_platform.testing.platform import TestPlatform


def made(platform: TestPlatform, **asked: Any) -> dict[str, Any]:
    answer = platform.admin("POST", "/v1/keys", json={"consumer": "acme", **asked})
    assert answer.status == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_key_that_was_made_opens_what_its_scopes_say(running: TestPlatform) -> None:
    key = made(running, scopes=["probe:secret"])
    assert key["environment"] == "test"  # the platform's own
    assert running.get("/secret", key=key["key"]).status == 200
    assert running.post("/echo", json={"text": "a"}, key=key["key"]).status == 403


def test_a_key_is_shown_when_it_is_made_and_never_again(running: TestPlatform) -> None:
    key = made(running, name="once")
    fresh = running.admin("POST", f"/v1/keys/{key['key_id']}/rotate", json={}).json()
    answers = [
        running.admin("GET", path).text
        for path in (
            "/v1/keys?limit=500",
            f"/v1/keys/{key['key_id']}",
            "/v1/consumers",
            "/v1/calls",
        )
    ]
    answers.append(running.admin("POST", f"/v1/keys/{key['key_id']}/revoke").text)
    for secret in (key["key"], fresh["key"]):
        assert secret.startswith("nrv_test_")
        for text in answers:
            assert secret not in text
            assert "digest" not in text


def test_all_that_was_asked_for_is_kept(running: TestPlatform) -> None:
    asked = {
        "consumer": "whole",
        "environment": "live",
        "scopes": ["b:y", "a:x"],
        "expires_in": 60.0,
        "limits": "5/second",
        "consumer_limits": "100/minute",
        "quota": 7,
        "cidrs": ["10.0.0.0/8"],
        "name": "a note",
    }
    key = running.admin("POST", "/v1/keys", json=asked).json()
    del key["key"]
    assert key == running.admin("GET", f"/v1/keys/{key['key_id']}").json()
    assert key["scopes"] == ["a:x", "b:y"]
    assert key["expires_at"] - key["created_at"] == pytest.approx(60)
    for name in ("consumer", "environment", "limits", "consumer_limits", "quota", "cidrs", "name"):
        assert key[name] == asked[name]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"consumer": ""}, "consumer"),
        ({"consumer": "a\nb"}, "printable"),
        ({"scopes": ["A B"]}, "lower case"),
        ({"limits": "many"}, "60/minute"),
        ({"consumer_limits": "many"}, "60/minute"),
        ({"cidrs": ["10.0.0.1/8"]}, "did you mean 10.0.0.0/8?"),
        ({"name": "x" * 200}, "printable"),
    ],
)
def test_what_cannot_be_is_refused_with_the_fix_and_makes_no_key(
    running: TestPlatform, asked: dict[str, Any], says: str
) -> None:
    before = running.admin("GET", "/v1/keys?limit=500").json()
    answer = running.admin("POST", "/v1/keys", json={"consumer": "acme", **asked})
    assert answer.status == 422
    assert says in answer.json()["detail"]
    assert running.admin("GET", "/v1/keys?limit=500").json() == before


def test_a_rotated_key_works_until_the_overlap_is_over(running: TestPlatform) -> None:
    key = made(running, consumer="turning")
    fresh = running.admin("POST", f"/v1/keys/{key['key_id']}/rotate", json={"overlap": 60.0})
    assert fresh.status == 201
    assert running.get("/items/1", key=key["key"]).status == 200
    assert running.get("/items/1", key=fresh.json()["key"]).json()["consumer"] == "turning"
    running.clock.advance(61)
    assert running.get("/items/1", key=key["key"]).status == 401
    assert running.get("/items/1", key=fresh.json()["key"]).status == 200
    found = running.admin("GET", f"/v1/keys/{key['key_id']}").json()
    assert found["state"] == "revoked"
    again = running.admin("POST", f"/v1/keys/{key['key_id']}/rotate", json={})
    assert again.status == 409


def test_a_revoked_key_opens_nothing_within_a_second(running: TestPlatform) -> None:
    key = made(running)
    assert running.get("/items/1", key=key["key"]).status == 200
    answer = running.admin("POST", f"/v1/keys/{key['key_id']}/revoke")
    assert answer.json()["state"] == "revoked"
    running.clock.advance(1)
    assert running.get("/items/1", key=key["key"]).status == 401


@pytest.mark.parametrize("key_id", ["key_nothing", "..", "%2e%2e", "a%00b", "'; DROP TABLE keys"])
def test_a_key_that_is_not_there_is_404(running: TestPlatform, key_id: str) -> None:
    for method, path in (("GET", ""), ("POST", "/rotate"), ("POST", "/revoke")):
        assert running.admin(method, f"/v1/keys/{key_id}{path}", json={}).status == 404


def test_a_list_can_be_narrowed(running: TestPlatform) -> None:
    made(running, consumer="one", environment="live")
    ended = made(running, consumer="one", expires_in=1.0)
    running.clock.advance(2)

    def ids(query: str) -> list[str]:
        items = running.admin("GET", f"/v1/keys?consumer=one{query}").json()["items"]
        return [each["key_id"] for each in items]

    assert len(ids("")) == 2
    assert ids("&state=expired") == [ended["key_id"]]
    assert len(ids("&state=active&environment=live")) == 1
    assert ids("&environment=live&state=expired") == []
    for asked, known in (("state=revokd", "revoked"), ("environment=prod", "test")):
        refused = running.admin("GET", f"/v1/keys?{asked}")
        assert (refused.status, known in refused.json()["detail"]) == (400, True)


def test_pages_hold_every_key_once(running: TestPlatform) -> None:
    for _ in range(7):
        made(running, consumer="many")
    found, cursor = [], ""
    while True:
        page = running.admin("GET", f"/v1/keys?consumer=many&limit=3{cursor}").json()
        found += [each["key_id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(found) == len(set(found)) == 7

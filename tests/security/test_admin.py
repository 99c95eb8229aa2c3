"""Attacks on the Admin API: no secret comes out but a new key, once; changes are written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurova_gateway.admin.app import resources
from neurova_platform.admin.server import of_platform
from neurova_platform.admin.token import load as token_of
from neurova_platform.testing.platform import TestPlatform

from ..conftest import copy_probe


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestPlatform]:
    folder = tmp_path_factory.mktemp("admin")
    (folder / "databases").mkdir()
    with TestPlatform(
        copy_probe(folder / "project"), folder / "state", folder / "databases"
    ) as running:
        yield running


def audit(platform: TestPlatform) -> list[dict[str, object]]:
    file = platform.settings.state / "logs" / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def routes(platform: TestPlatform) -> list[tuple[str, str]]:
    found = resources(of_platform(platform.platform, platform.reloads))
    return [
        (method, route.path.replace(":path", ""))
        for route in found
        for method in sorted(route.methods or ())
    ]


def test_each_resource_asks_for_the_token_but_health(attacked: TestPlatform) -> None:
    asked = routes(attacked)
    assert len(asked) > 20
    for method, path in asked:
        for said in ("", "Bearer x", "Basic x", f"Bearer {'x' * 5000}"):
            answer = attacked.admin(method, path, headers={"authorization": said})
            wanted = 200 if path.startswith("/health") else 401
            assert answer.status == wanted, (method, path)


def test_each_resource_refuses_a_name_that_was_rebound(attacked: TestPlatform) -> None:
    for method, path in routes(attacked):
        answer = attacked.admin(method, path, headers={"host": "rebound.example:8001"})
        assert answer.status == 421, (method, path)


def test_the_token_is_in_no_answer_and_no_file_but_its_own(attacked: TestPlatform) -> None:
    token = token_of(attacked.settings.state)
    for method, path in routes(attacked):
        assert token not in attacked.admin(method, f"{path}?token={token}").text
    attacked.admin("POST", f"/v1/keys/{token}/revoke")
    holding = [
        file.name
        for file in attacked.settings.state.rglob("*")
        if file.is_file() and token.encode() in file.read_bytes()
    ]
    assert holding == ["admin.token"]


def test_a_key_is_in_one_answer_and_no_file(attacked: TestPlatform) -> None:
    made = attacked.admin("POST", "/v1/keys", json={"consumer": "acme", "limits": "9/day"})
    key, key_id = made.json()["key"], made.json()["key_id"]
    fresh = attacked.admin("POST", f"/v1/keys/{key_id}/rotate", json={"overlap": 5}).json()["key"]
    attacked.get("/items/1", key=key)
    attacked.get(f"/{fresh}", key=fresh)
    for secret in (key, fresh):
        for method, path in routes(attacked):
            if method == "GET":
                for named in (path.replace("{key_id}", key_id), f"{path}?consumer=acme"):
                    assert secret not in attacked.admin(method, named).text
        for file in attacked.settings.state.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def test_every_change_and_every_try_at_one_is_in_the_audit(attacked: TestPlatform) -> None:
    before = len(audit(attacked))
    made = attacked.admin("POST", "/v1/keys", json={"consumer": "acme", "scopes": ["a:b"]}).json()
    key_id = made["key_id"]
    attacked.admin("POST", f"/v1/keys/{key_id}/rotate", json={"overlap": 5})
    attacked.admin("PATCH", "/v1/consumers/acme", json={"limits": "5/second"})
    attacked.admin("POST", f"/v1/keys/{key_id}/revoke")
    attacked.admin("POST", "/v1/keys", json={"consumer": ""})
    attacked.admin("POST", "/v1/keys/key_nothing/revoke")
    attacked.admin("DELETE", f"/v1/keys/{key_id}")
    attacked.admin("POST", "/v1/keys", headers={"authorization": "Bearer guess"})
    lines = audit(attacked)[before:]
    begun = [line for line in lines if line["event"] == "begun"]
    ended = {line["id"]: line for line in lines if line["event"] == "ended"}
    assert len(begun) == len(ended) == 7  # the one who guessed is nobody
    seen = [(ended[line["id"]].get("did"), ended[line["id"]]["status"]) for line in begun]
    assert seen == [
        ("create", 201),
        ("rotate", 201),
        ("limit", 200),
        ("revoke", 200),
        (None, 422),
        (None, 404),
        (None, 405),
    ]
    created, rotated, limited, revoked = (ended[line["id"]] for line in begun[:4])
    assert (created["key_id"], created["consumer"], created["scopes"]) == (key_id, "acme", ["a:b"])
    assert (rotated["rotated"], rotated["overlap"]) == (key_id, 5)
    assert (limited["consumer"], limited["limits"]) == ("acme", "5/second")
    assert revoked["key_id"] == key_id
    assert not any("digest" in line or "key" in line for line in lines)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "a%0d%0ab",
        "x" * 5000,
        "%ff%fe",
        "~root",
    ],
)
def test_names_reach_no_file_and_break_nothing(attacked: TestPlatform, name: str) -> None:
    before = sorted(path.name for path in attacked.settings.state.rglob("*"))
    for method, path in [
        ("GET", f"/v1/keys/{name}"),
        ("POST", f"/v1/keys/{name}/revoke"),
        ("GET", f"/v1/consumers/{name}"),
        ("GET", f"/v1/functions/{name}"),
    ]:
        assert attacked.admin(method, path).status == 404, (method, path)
    answer = attacked.admin("PATCH", f"/v1/consumers/{name}", json={"limits": "1/day"})
    assert answer.status == 404
    for query in ("consumer", "route", "trace_id"):
        assert attacked.admin("GET", f"/v1/calls?{query}={name}").json()["items"] == []
    after = sorted(path.name for path in attacked.settings.state.rglob("*"))
    assert set(after) - set(before) <= {"audit.jsonl"}


def test_what_is_written_is_private(attacked: TestPlatform) -> None:
    attacked.admin("POST", "/v1/keys", json={"consumer": "acme"})
    state: Path = attacked.settings.state
    for name in ("admin.token", "logs/audit.jsonl", "logs/access.jsonl", "counters/0.counters"):
        assert (state / name).stat().st_mode & 0o077 == 0, name

"""Attacks on the Admin API: secrets stay inside, and changes are audited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurova_platform.admin.access import load_token
from neurova_platform.admin.operations import OPERATIONS
from neurova_platform.testing.platform import TestPlatform

from ..conftest import copy_probe


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestPlatform]:
    folder = tmp_path_factory.mktemp("admin")
    with TestPlatform(copy_probe(folder / "project"), folder / "state") as running:
        running.get("/count")
        running.admin("POST", "/v1/keys", json={"consumer": "first"})  # creates all log files
        yield running


def audit(platform: TestPlatform) -> list[dict[str, object]]:
    file = platform.settings.state / "logs" / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


ROUTES = [
    (method, each.path.replace(":path", ""))
    for each in OPERATIONS
    for method in ([each.method, "HEAD"] if each.method == "GET" else [each.method])
] + [("GET", "/v1/openapi.json")]


def test_every_operation_but_health_requires_the_token(attacked: TestPlatform) -> None:
    for method, path in ROUTES:
        response = attacked.admin(method, path, headers={"authorization": "Bearer x"})
        assert response.status == (200 if path.startswith("/health") else 401), (method, path)


def test_token_is_in_no_response_and_no_other_file(attacked: TestPlatform) -> None:
    token = load_token(attacked.settings.state)
    for method, path in ROUTES:
        assert token not in attacked.admin(method, f"{path}?token={token}").text
    attacked.admin("POST", f"/v1/keys/{token}/revoke")
    holding = [
        file.name
        for file in attacked.settings.state.rglob("*")
        if file.is_file() and token.encode() in file.read_bytes()
    ]
    assert holding == ["admin.token"]


def test_key_is_in_one_response_and_no_file(attacked: TestPlatform) -> None:
    made = attacked.admin("POST", "/v1/keys", json={"consumer": "acme", "limits": "9/day"})
    key, key_id = made.json()["key"], made.json()["key_id"]
    rotated = attacked.admin("POST", f"/v1/keys/{key_id}/rotate", json={"overlap": 5})
    rotated_key = rotated.json()["key"]
    attacked.get("/items/1", key=key)
    attacked.get(f"/{rotated_key}", key=rotated_key)
    for path in (f"/{key}", f"/{key}/revoke", f"/{key}/rotate", f"/%6erv{key[3:]}/revoke"):
        for method, body in (("GET", {}), ("POST", {"json": {"overlap": 1}})):
            assert key[9:] not in attacked.admin(method, f"/v1/keys{path}", **body).text
    for body in ({"consumer": key}, {"consumer": "a", "name": key}, {key: 1}, {"scopes": [key]}):
        assert key[9:] not in attacked.admin("POST", "/v1/keys", json={"consumer": "a"} | body).text
    for secret in (key, rotated_key):
        for method, path in ROUTES:
            if method == "GET":
                for named in (path.replace("{key_id}", key_id), f"{path}?consumer=acme"):
                    assert secret not in attacked.admin(method, named).text
        for file in attacked.settings.state.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def test_every_change_and_every_attempt_is_audited(attacked: TestPlatform) -> None:
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
    assert len(begun) == len(ended) == 7  # a request without the token is not audited
    results = [(ended[line["id"]].get("did"), ended[line["id"]]["status"]) for line in begun]
    assert results == [
        ("create", 201), ("rotate", 201), ("change", 200), ("revoke", 200),
        (None, 422), (None, 404), (None, 405),
    ]  # fmt: skip
    created, rotated, limited, revoked = (ended[line["id"]] for line in begun[:4])
    assert (created["key_id"], created["consumer"], created["scopes"]) == (key_id, "acme", ["a:b"])
    assert (rotated["rotated"], rotated["overlap"]) == (key_id, 5)
    assert (limited["consumer"], limited["limits"]) == ("acme", "5/second")
    assert revoked["key_id"] == key_id
    assert not any("digest" in line or "key" in line for line in lines)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "a%0d%0ab", "x" * 5000, "%ff%fe"]
)
def test_hostile_names_reach_no_file(attacked: TestPlatform, name: str) -> None:
    before = sorted(path.name for path in attacked.settings.state.rglob("*"))
    for method, path in [
        ("GET", f"/v1/keys/{name}"),
        ("POST", f"/v1/keys/{name}/revoke"),
        ("GET", f"/v1/consumers/{name}"),
        ("GET", f"/v1/functions/{name}"),
    ]:
        assert attacked.admin(method, path).status == 404, (method, path)
    response = attacked.admin("PATCH", f"/v1/consumers/{name}", json={"limits": "1/day"})
    assert response.status == 404
    for query in ("consumer", "route", "trace_id"):
        assert attacked.admin("GET", f"/v1/calls?{query}={name}").json()["items"] == []
    after = sorted(path.name for path in attacked.settings.state.rglob("*"))
    assert set(after) - set(before) <= {"audit.jsonl"}


def test_written_files_are_private(attacked: TestPlatform) -> None:
    attacked.admin("POST", "/v1/keys", json={"consumer": "acme"})
    state: Path = attacked.settings.state
    for name in ("admin.token", "logs/audit.jsonl", "logs/access.jsonl", "counters/0.counters"):
        assert (state / name).stat().st_mode & 0o077 == 0, name

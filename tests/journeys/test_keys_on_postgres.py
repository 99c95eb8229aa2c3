"""A key store in PostgreSQL, shared by two machines, and through an outage."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import copy_probe
from tests.servers.postgres import PostgresServer
from tests.serving import neurova, serving, until

from neurova_platform import http_client
from neurova_platform.admin.access import load_token

pytestmark = pytest.mark.server


def test_key_works_on_both_machines_until_revoked(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = postgres.create_without_password(monkeypatch)
    projects = [copy_probe(tmp_path / name) for name in ("one", "two")]
    for project in projects:
        text = (project / "neurova.toml").read_text()
        (project / "neurova.toml").write_text(f'{text}\n[gateway]\nport = 0\nkeys = "{keys}"\n')
    with serving(projects[0], "run") as one, serving(projects[1], "run") as two:
        urls = [run.event("ready")["url"] for run in (one, two)]
        made = json.loads(neurova(projects[0], "keys", "create", "--consumer", "a", "--json"))

        def statuses() -> list[int]:
            key = {"X-API-Key": made["key"]}
            return [http_client.send(at, "GET", "/items/1", key, None).status for at in urls]

        until(lambda: statuses() == [200, 200])
        neurova(projects[1], "keys", "revoke", made["key_id"])
        until(lambda: statuses() == [401, 401])
        assert one.end() == (0, "")
        assert two.end() == (0, "")
    assert not any((project / ".neurova" / "keys.db").exists() for project in projects)
    assert "postgres" in neurova(projects[0], "doctor")
    assert os.environ["PGPASSWORD"] not in neurova(projects[0], "config")


def test_outage_of_the_key_store_is_reported_with_the_fix(
    tmp_path: Path, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = own_postgres.create_without_password(monkeypatch)
    project = copy_probe(tmp_path / "project")
    with (project / "neurova.toml").open("a") as file:
        file.write(f'\n[gateway]\nkeys = "{keys}"\n')
    with serving(project, "run") as run:
        ready = run.event("ready")
        fields = {
            "Authorization": f"Bearer {load_token(project / '.neurova')}",
            "Content-Type": "application/json",
        }

        def ask(method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
            answer = http_client.send(ready["admin"], method, path, fields, body)
            return answer.status, answer.decoded()

        def parts() -> dict[str, dict[str, str]]:
            return {part["name"]: part for part in ask("GET", "/v1/health")[1]["parts"]}

        status, made = ask("POST", "/v1/keys", b'{"consumer": "acme", "limits": "50/second"}')
        assert status == 201
        key = {"X-API-Key": made["key"]}
        until(lambda: http_client.send(ready["url"], "GET", "/items/1", key, None).status == 200)
        assert ask("PATCH", "/v1/consumers/acme", b'{"limits": "9/second"}')[1]["keys"] == 1
        assert {each["kind"] for each in ask("GET", "/v1/limits?consumer=acme")[1]["items"]} == {
            "key",
            "consumer",
            "route",
        }
        assert parts()["keys"]["status"] == "up"

        own_postgres.stop()
        until(lambda: parts()["keys"]["status"] == "unreachable")
        assert ask("GET", "/health/ready") == (503, {"status": "not ready"})
        assert ask("GET", "/health") == (200, {"status": "live"})
        status, problem = ask("POST", "/v1/keys", b'{"consumer": "acme"}')
        assert status == 503
        assert os.environ["PGPASSWORD"] not in json.dumps([problem, parts()])
        assert ask("GET", "/v1/live")[0] == 200

        own_postgres.start()
        until(lambda: parts()["keys"]["status"] == "up")
        assert ask("POST", f"/v1/keys/{made['key_id']}/revoke")[1]["state"] == "revoked"
        until(lambda: http_client.send(ready["url"], "GET", "/items/1", key, None).status == 401)

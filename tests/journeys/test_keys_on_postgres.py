"""Two machines with their own state folders share a key store in PostgreSQL."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.conftest import copy_probe
from tests.servers.postgres import PostgresServer
from tests.serving import NEUROVA, environment, serving, until

from neurova_platform import http_client

pytestmark = pytest.mark.server


def neurova(project: Path, *words: str) -> str:
    ran = subprocess.run(
        [NEUROVA, *words], cwd=project, env=environment(), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_key_works_on_both_machines_until_revoked(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.create()
    projects = [copy_probe(tmp_path / name) for name in ("one", "two")]
    for project in projects:
        text = (project / "neurova.toml").read_text()
        (project / "neurova.toml").write_text(
            f'{text}\n[gateway]\nport = 0\nkeys = "{_bare(url)}"\n'
        )
    monkeypatch.setenv("PGPASSWORD", _password(url))
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
    assert _password(url) not in neurova(projects[0], "config")


def _bare(url: str) -> str:
    before, _, after = url.partition("@")
    return f"{before.rpartition(':')[0]}@{after}"


def _password(url: str) -> str:
    return url.partition("@")[0].rpartition(":")[2]

"""/health and /v1/health: anybody may read readiness, details need the token."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tests.conftest import copy_probe

from neurova_gateway.admin.operations.health import required_checks
from neurova_platform.admin.server import platform_context
from neurova_platform.testing.platform import TestPlatform

NO_TOKEN = {"authorization": ""}


def test_serving_platform_is_live_and_ready(running: TestPlatform) -> None:
    assert running.admin("GET", "/health", headers=NO_TOKEN).json() == {"status": "live"}
    ready = running.admin("GET", "/health/ready", headers=NO_TOKEN)
    assert (ready.status, ready.json()) == (200, {"status": "ready"})
    health = running.admin("GET", "/v1/health").json()
    assert health["ready"] is True
    status = {part["name"]: part["status"] for part in health["parts"]}
    assert [status[name] for name in ("workers", "keys", "limits")] == ["up"] * 3


def test_missing_key_store_returns_503_and_the_fix(tmp_path: Path) -> None:
    project = copy_probe(tmp_path / "project")
    with TestPlatform(project, tmp_path / "state") as platform:
        (tmp_path / "state" / "keys.db").unlink()
        ready = platform.admin("GET", "/health/ready", headers=NO_TOKEN)
        assert (ready.status, ready.json()) == (503, {"status": "not ready"})
        assert platform.admin("GET", "/health").status == 200
        parts = platform.admin("GET", "/v1/health").json()["parts"]
        [keys] = [part for part in parts if part["name"] == "keys"]
        assert keys["status"] == "unreachable"
        assert keys["fix"] == "restart NEUROVA"
        for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys/key_x/revoke")):
            response = platform.admin(method, path)
            assert response.status == 503
            assert response.headers["retry-after"] == "1"


def test_keys_and_limits_are_not_checked_behind_a_gateway(running: TestPlatform) -> None:
    context = platform_context(running.platform, running.reloads)
    assert list(required_checks(context)) == ["workers", "keys", "limits"]
    assert list(required_checks(msgspec.structs.replace(context, embedded=False))) == ["workers"]

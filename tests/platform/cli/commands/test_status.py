"""`neurova status`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.serving import until

from neurova_platform import http_client


@pytest.mark.server
def test_state_and_faults_are_shown(
    serving: Callable[..., Any], cli: Callable[..., Any], project: Path
) -> None:
    ready = serving("dev").event("ready")
    http_client.send(ready["url"], "GET", "/nowhere", {}, None)
    result = cli("status")
    assert result.exit_code == 0, result.output
    assert "demo" in result.stdout
    assert "serving" in result.stdout
    assert "test keys" in result.stdout
    found = json.loads(cli("status", "--json").stdout)
    assert set(found) == {"platform", "health", "workers", "live", "reloads"}
    assert found["health"]["ready"] is True

    (project / ".neurova" / "keys.db").unlink()
    until(lambda: "unreachable" in cli("status").stdout)  # status is cached for a second
    assert "restart NEUROVA" in cli("status").stdout


def test_missing_platform_is_reported(cli: Callable[..., Any], project: Path) -> None:
    result = cli("status")
    assert result.exit_code == 5
    assert "neurova dev" in result.stderr

"""`neurova doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use free ports."""
    monkeypatch.setenv("NEUROVA_GATEWAY_PORT", "0")
    monkeypatch.setenv("NEUROVA_ADMIN_PORT", "0")


def test_healthy_project_exits_with_0(cli: Callable[..., Any], project: Path) -> None:
    result = cli("doctor")
    assert result.exit_code == 0
    assert {line[:4] for line in result.stdout.splitlines()} == {"ok  "}


def test_fault_is_shown_with_its_fix(cli: Callable[..., Any], project: Path) -> None:
    (project / ".neurova").mkdir(mode=0o755)
    result = cli("doctor")
    assert result.exit_code == 1
    assert f"      fix: chmod 700 {project / '.neurova'}\n" in result.stdout


def test_json_is_a_list_of_findings(cli: Callable[..., Any], project: Path) -> None:
    findings = json.loads(cli("doctor", "--json").stdout)
    assert {"check": "plugins", "verdict": "ok"}.items() <= next(
        finding for finding in findings if finding["check"] == "plugins"
    ).items()

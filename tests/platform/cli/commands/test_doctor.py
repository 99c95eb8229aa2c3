"""neurova doctor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for ports that are free whoever uses the machine."""
    monkeypatch.setenv("NEUROVA_GATEWAY_PORT", "0")
    monkeypatch.setenv("NEUROVA_ADMIN_PORT", "0")


def test_each_finding_is_a_line_and_all_well_ends_with_0(
    cli: Callable[..., Any], project: Path
) -> None:
    result = cli("doctor")
    assert result.exit_code == 0
    assert {line[:4] for line in result.stdout.splitlines()} == {"ok  "}


def test_a_fault_is_shown_with_its_fix_and_ends_with_1(
    cli: Callable[..., Any], project: Path
) -> None:
    (project / ".neurova").mkdir(mode=0o755)
    result = cli("doctor")
    assert result.exit_code == 1
    assert f"      fix: chmod 700 {project / '.neurova'}\n" in result.stdout


def test_json_is_a_list_of_findings(cli: Callable[..., Any], project: Path) -> None:
    findings = json.loads(cli("doctor", "--json").stdout)
    assert {"check": "plugins", "verdict": "ok"}.items() <= next(
        finding for finding in findings if finding["check"] == "plugins"
    ).items()

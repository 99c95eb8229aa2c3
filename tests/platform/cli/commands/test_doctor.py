"""`neurova doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use port 0, so that no port is taken."""
    monkeypatch.setenv("NEUROVA_GATEWAY_PORT", "0")
    monkeypatch.setenv("NEUROVA_ADMIN_PORT", "0")


def test_findings_and_their_fixes_are_shown(cli: Callable[..., Any], project: Path) -> None:
    result = cli("doctor")
    assert (result.exit_code, {line[:4] for line in result.stdout.splitlines()}) == (0, {"ok  "})
    findings = json.loads(cli("doctor", "--json").stdout)
    (plugins,) = (each for each in findings if each["check"] == "plugins")
    assert plugins["verdict"] == "ok"
    (project / ".neurova").mkdir(mode=0o755)
    result = cli("doctor")
    assert result.exit_code == 1
    assert f"      fix: chmod 700 {project / '.neurova'}\n" in result.stdout

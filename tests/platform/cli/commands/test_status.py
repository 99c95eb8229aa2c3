"""neurova status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.serving import until

from neurova_platform.serving import client


@pytest.mark.server
def test_it_tells_how_what_runs_stands_and_what_is_not_well(
    serving: Callable[..., Any], cli: Callable[..., Any], project: Path
) -> None:
    ready = serving("dev").event("ready")
    client.send(ready["url"], "GET", "/nowhere", {}, None)
    said = cli("status")
    assert said.exit_code == 0, said.output
    assert "demo" in said.stdout
    assert "serving" in said.stdout
    assert "test keys" in said.stdout
    found = json.loads(cli("status", "--json").stdout)
    assert set(found) == {"platform", "health", "workers", "live", "reloads"}
    assert found["health"]["ready"] is True

    (project / ".neurova" / "keys.db").unlink()
    until(lambda: "unreachable" in cli("status").stdout)  # a look is good for a second
    assert "restart NEUROVA" in cli("status").stdout


def test_where_nothing_runs_it_says_so(cli: Callable[..., Any], project: Path) -> None:
    said = cli("status")
    assert said.exit_code == 5
    assert "neurova dev" in said.stderr

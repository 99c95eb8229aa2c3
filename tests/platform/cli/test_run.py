"""neurova run, as a process."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neurova_platform import client

pytestmark = pytest.mark.server


def make_key(cli: Callable[..., Any], environment: str) -> str:
    """Return a new key."""
    words = ("keys", "create", "--consumer", "a", "--scope", "hello:read", "--env", environment)
    key: str = json.loads(cli(*words, "--json").stdout)["key"]
    return key


def test_live_keys_are_taken_and_test_keys_refused(
    serving: Callable[..., Any], cli: Callable[..., Any], project: Path
) -> None:
    keys = [make_key(cli, environment) for environment in ("live", "test")]
    run = serving("run")
    ready = run.event("ready")
    assert ready["functions"] == 1
    statuses = [
        client.send(ready["url"], "GET", "/hello/Ada", {"X-API-Key": key}, None).status
        for key in keys
    ]
    assert statuses == [200, 401]
    assert run.end(signal.SIGTERM) == (0, "")
    log = (project / ".neurova" / "logs" / "access.jsonl").read_text()
    assert [json.loads(line)["status"] for line in log.splitlines()] == [200, 401]
    assert not any(key in log for key in keys)


def test_a_database_that_is_behind_is_refused_with_the_fix(
    shell: Callable[..., subprocess.CompletedProcess[str]],
    cli: Callable[..., Any],
    project: Path,
) -> None:
    cli("db", "revision", "hello", "-m", "first", "--empty")
    ran = shell("run", "--port", "0")
    assert ran.returncode == 5
    assert "neurova db upgrade hello" in ran.stderr

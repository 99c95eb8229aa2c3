"""`neurova run` as a process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.serving import NEUROVA, environment

from neurova_platform import http_client

pytestmark = pytest.mark.server


def make_key(cli: Callable[..., Any], environment: str) -> str:
    """Return a new key."""
    words = ("keys", "create", "--consumer", "a", "--scope", "hello:read", "--env", environment)
    key: str = json.loads(cli(*words, "--json").stdout)["key"]
    return key


def test_run_accepts_live_keys_only(
    serving: Callable[..., Any], cli: Callable[..., Any], project: Path
) -> None:
    keys = [make_key(cli, environment) for environment in ("live", "test")]
    run = serving("run")
    ready = run.event("ready")
    assert ready["functions"] == 1
    statuses = [
        http_client.send(ready["url"], "GET", "/hello/Ada", {"X-API-Key": key}, None).status
        for key in keys
    ]
    assert statuses == [200, 401]
    assert run.end(signal.SIGTERM) == (0, "")
    log = (project / ".neurova" / "logs" / "access.jsonl").read_text()
    assert [json.loads(line)["status"] for line in log.splitlines()] == [200, 401]
    assert not any(key in log for key in keys)


def test_second_run_is_refused_with_the_pid(
    serving: Callable[..., Any],
    shell: Callable[..., subprocess.CompletedProcess[str]],
    project: Path,
) -> None:
    first = serving("run")
    first.event("ready")
    second = shell("run", "--port", "0")
    assert second.returncode == 3
    assert f"pid {first.process.pid}" in second.stderr
    assert f"`kill {first.process.pid}` stops it" in second.stderr
    assert first.end() == (0, "")
    again = serving("run")
    again.event("ready")


@pytest.mark.parametrize("as_json", [False, True])
def test_failed_start_of_workers_is_reported(
    shell: Callable[..., subprocess.CompletedProcess[str]], project: Path, as_json: bool
) -> None:
    (project / "functions" / "hello" / "hello.py").write_text("from neurova import nothing\n")
    ran = shell("run", "--port", "0", "--workers", "3", *(["--json"] if as_json else []))
    assert ran.returncode == 4
    if as_json:
        assert json.loads(ran.stdout.splitlines()[-1])["error"] == "LoadError"
    assert "hello.py" in (ran.stdout if as_json else ran.stderr)
    assert "Traceback" not in ran.stdout + ran.stderr


def test_start_and_restart_are_shown(project: Path) -> None:
    words = [NEUROVA, "run", "--port", "0", "--workers", "2"]
    with subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        try:
            lines = [run.stdout.readline(), run.stdout.readline()]
            run.send_signal(signal.SIGHUP)
            lines.append(run.stdout.readline())
        finally:
            run.send_signal(signal.SIGINT)
            lines.append(run.stdout.read())
    assert run.returncode == 0
    patterns = [
        r"Serving demo on http://127\.0\.0\.1:\d+ \(Ctrl-C to stop\): "
        r"1 functions, live keys, 2 workers \(pid \d+ \d+\)\n",
        r"Admin API on http://127\.0\.0\.1:\d+ .*\n",
        r"Restarted demo: pid \d+ \d+\n",
        "",
    ]
    assert all(map(re.fullmatch, patterns, lines)), lines

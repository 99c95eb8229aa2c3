"""Whoever takes too long to begin, or to leave, is ended: with shorter deadlines than the real."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from neurova_platform.serving import client

from ...serving import environment, until

pytestmark = pytest.mark.server

RUN = """
import json
from neurova.errors import NeurovaError
from neurova_platform.settings.loading import load
from neurova_platform.supervise import run, slot, supervisor

if __name__ == "__main__":
    supervisor.START = 2.0
    slot.SPARE = supervisor.SPARE = 1.5
    try:
        run.run(load(), {}, lambda event: print(json.dumps(event), flush=True))
    except NeurovaError as error:
        print(json.dumps({"event": "error", "kind": type(error).__name__, "why": str(error)}))
"""
HOLD = '''"""Hold a thread, which no process can leave behind."""

import time

from neurova import get


@get("/hold", public=True)
def hold() -> str:
    with open("held", "w") as file:
        file.write("yes")
    time.sleep(3600)
    return "never"
'''


@pytest.fixture
def supervised(project: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Return what runs the project under a supervisor that is less patient."""
    (project / "neurova.toml").write_text("[runtime]\ndrain = 1\n")
    (project / "supervised.py").write_text(RUN)
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        given = environment() | {"NEUROVA_GATEWAY_PORT": "0", "NEUROVA_ADMIN_ENABLED": "false"}
        words = [sys.executable, "supervised.py"]
        started.append(
            subprocess.Popen(words, cwd=project, env=given, stdout=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()
        assert each.stdout is not None
        each.stdout.close()


def event(run: subprocess.Popen[str], kind: str) -> Any:
    assert run.stdout is not None
    for line in run.stdout:
        found = json.loads(line)
        if kind in (found["event"], found.get("what")):
            return found
    raise AssertionError(f"ended without {kind}")


def test_a_worker_that_does_not_begin_ends_the_start_and_its_line_is_named(
    project: Path, supervised: Callable[[], subprocess.Popen[str]]
) -> None:
    (project / "functions" / "probe" / "slow.py").write_text("import time\n\ntime.sleep(3600)\n")
    run = supervised()
    error = event(run, "error")
    assert error["kind"] == "StateError"
    assert "worker 0 did not begin in time in " in error["why"]
    assert "slow.py:3" in error["why"]
    assert run.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_worker_that_does_not_leave_is_ended(
    project: Path, supervised: Callable[[], subprocess.Popen[str]], number: signal.Signals
) -> None:
    (project / "functions" / "probe" / "hold.py").write_text(HOLD)
    run = supervised()
    ready = event(run, "ready")
    assert told(project, ready["url"], run, number) == 503
    if number == signal.SIGHUP:
        assert event(run, "ended")["pid"] == ready["pids"][0]
        run.send_signal(signal.SIGTERM)
    assert run.wait(60) == 0


def told(project: Path, url: str, run: subprocess.Popen[str], number: signal.Signals) -> int:
    """Make a call that never ends, let its worker leave meanwhile, and return the status."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.send, url, "GET", "/hold", {}, None)
        until((project / "held").exists)
        run.send_signal(number)
        return call.result().status

"""Children that start or exit too slowly are killed; the tests shorten the deadlines."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Workers

pytestmark = pytest.mark.server

Start = Callable[..., Workers]
SHORT_TIMEOUTS = """
import json
from neurova.errors import NeurovaError
from neurova_platform.settings.loading import load
from neurova_platform.supervise import run, slots, supervisor

if __name__ == "__main__":
    supervisor.START_TIMEOUT = 8.0
    slots.EXIT_GRACE = supervisor.EXIT_GRACE = 1.5
    flags = {"gateway.port": 0, "admin.enabled": False}
    try:
        run.run(load(flags=flags), flags, lambda event: print(json.dumps(event), flush=True))
    except NeurovaError as error:
        kind = type(error).__name__
        print(json.dumps({"event": "error", "kind": kind, "reason": str(error)}), flush=True)
"""


def test_worker_that_starts_too_slowly_fails_the_start(start: Start, project: Path) -> None:
    (project / "functions" / "probe" / "slow.py").write_text("import time\n\ntime.sleep(3600)\n")
    run = start(script=SHORT_TIMEOUTS).run
    error = run.event("error")
    assert error["kind"] == "StateError"
    assert "worker 0 did not start in time in " in error["reason"]
    assert "slow.py:3" in error["reason"]
    assert run.process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_worker_that_does_not_exit_is_killed(start: Start, number: signal.Signals) -> None:
    workers = start(script=SHORT_TIMEOUTS, toml="[runtime]\ndrain = 1\n").ready()
    with workers.calls_in_flight("/hold", 1) as (call,):
        workers.run.process.send_signal(number)
        assert call.result().status == 503
    if number == signal.SIGHUP:
        assert workers.worker("ended")["pid"] == workers.pids[0]
        workers.run.process.send_signal(signal.SIGTERM)
    assert workers.run.process.wait(60) == 0

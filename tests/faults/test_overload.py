"""At five times its capacity, a worker serves as many calls as before and refuses the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bench.openloop import poisson_times, send
from bench.overload import DONE, FACTOR, HEALTH, KINDS, WORK, measure, source
from bench.project import Project
from bench.rounds import LOAD_CORE, SERVER_CORE
from bench.servers import running

from ..serving import until

pytestmark = pytest.mark.server

MEASURED = bool(os.environ.get("NEUROVA_TEST_LONG")) and os.environ.get("CI") != "true"
CORES = os.sched_getaffinity(0)
PINNED = {SERVER_CORE, LOAD_CORE} <= CORES


def project(folder: Path, kind: str) -> Project:
    made = Project(folder)
    made.write("functions/bench/work.py", source(kind))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_overload_is_refused_with_503(tmp_path: Path, kind: str) -> None:
    with running(project(tmp_path, kind).program("run"), min(CORES)) as server:
        results = send(server.port, WORK, poisson_times(FACTOR * 200, 3.0, 1), answer=DONE)
        assert set(results.statuses()) == {200, 503}
        assert set(send(server.port, HEALTH, [0.0] * 10).statuses()) == {200}
        # After the load, no call is refused.
        until(lambda: send(server.port, WORK, [0.0, 0.1, 0.2]).statuses() == {200: 3})


@pytest.mark.skipif(not MEASURED, reason="seconds are measured by `make faults`")
@pytest.mark.skipif(not PINNED, reason="needs a core for the server and one for the load")
@pytest.mark.parametrize("kind", KINDS)
def test_goodput_latency_and_recovery(tmp_path: Path, kind: str) -> None:
    """Run a third of `python -m bench.overload`; ignore the first two seconds."""
    with running(project(tmp_path, kind).program("run"), SERVER_CORE) as server:
        found = measure(server, 20.0)
    assert found.lost <= 0.2
    assert found.settled_p99_ms <= 1500
    assert found.recovered_s <= 2.0

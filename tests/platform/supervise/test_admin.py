"""The counts of all workers survive deaths and restarts; keys apply to every worker."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from neurova_platform import http_client
from neurova_platform.admin.client import connect

from ...load import load
from ...serving import until
from .conftest import Workers

pytestmark = pytest.mark.server
Start = Callable[..., Workers]


def counted(project: Path) -> int:
    """Return the number of calls in /metrics."""
    state = project / ".neurova"
    url, token = ((state / name).read_text().strip() for name in ("admin.address", "admin.token"))
    answer = http_client.send(url, "GET", "/metrics", {"Authorization": f"Bearer {token}"}, None)
    assert answer.status == 200
    return sum(
        int(sample.value)
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
        if sample.name == "neurova_http_requests_total" and sample.labels["route"] == "probe.pid"
    )


def call(workers: Workers, count: int) -> None:
    for _ in range(count):
        assert workers.ask("/pid").status == 200


def test_killed_worker_loses_no_count(start: Start, project: Path) -> None:
    workers = start("--workers", "2").ready()
    made = 0
    for _ in range(3):
        call(workers, 20)
        made += 20
        until(lambda: counted(project) == made)  # noqa: B023 - called in this round
        victim = connect(project / ".neurova").get("/v1/workers")["items"][0]["pid"]
        os.kill(victim, signal.SIGKILL)
        workers.worker("died")
        until(lambda: len(connect(project / ".neurova").get("/v1/workers")["items"]) == 2)
        assert counted(project) == made
    files = list((project / ".neurova" / "counters").iterdir())
    assert len(files) == 2  # at most two workers ran at once


class CountRecorder:
    """Read the count of calls repeatedly."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.counts: list[int] = []

    def __enter__(self) -> CountRecorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.counts.append(counted(self._project))


async def test_restarts_under_load_lose_no_count(start: Start, project: Path) -> None:
    workers = start("--workers", "2").ready()
    async with load(workers.port, "/pid", clients=4) as sent:
        for _ in range(2):
            workers.run.process.send_signal(signal.SIGHUP)
            await asyncio.to_thread(workers.run.event, "restarted")
    assert sent.failed == []
    assert sent.total > 0
    until(lambda: counted(project) == sent.total)


async def test_killed_worker_under_load_loses_only_its_last_batch(
    start: Start, project: Path
) -> None:
    workers = start("--workers", "2").ready()
    victim = workers.pids[0]
    with CountRecorder(project) as recorder:
        async with load(workers.port, "/pid", clients=4) as sent:
            while sent.answered[str(victim)] < 200:
                await asyncio.sleep(0.01)
            # Wait until the count includes some calls of the victim.
            while counted(project) <= sent.total - sent.answered[str(victim)] + 4:
                await asyncio.sleep(0.01)
            os.kill(victim, signal.SIGKILL)
            await asyncio.to_thread(workers.worker, "died")
            after = sent.total
            while sent.total < after + 200:
                await asyncio.sleep(0.01)
    others = sent.total - sent.answered[str(victim)]
    until(lambda: counted(project) > others)
    # A response that the client missed because the worker died is counted too.
    assert others < counted(project) <= sent.total + len(sent.failed)
    assert recorder.counts == sorted(recorder.counts)
    assert len(recorder.counts) > 3


def test_functions_are_described_after_each_restart(start: Start, project: Path) -> None:
    workers = start("--workers", "2").ready()
    asked = connect(project / ".neurova")
    until(lambda: (project / ".neurova" / "functions.json").exists())
    assert asked.get("/v1/functions/probe.pid")["path"] == "/pid"
    assert asked.get("/v1/platform")["environment"] == "live"
    source = project / "functions" / "probe" / "pid.py"
    source.write_text(source.read_text().replace('"/pid"', '"/other"'))
    workers.run.process.send_signal(signal.SIGHUP)
    workers.run.event("restarted")
    until(lambda: asked.get("/v1/functions/probe.pid")["path"] == "/other")

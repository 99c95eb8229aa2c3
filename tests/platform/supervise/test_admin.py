"""What all workers answered is one count, which no death and no restart takes anything from."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    """Return the calls that /metrics tells of."""
    asked = connect(project / ".neurova")
    fields = {"Authorization": f"Bearer {asked._token}"}
    answer = http_client.send(asked._url, "GET", "/metrics", fields, None)
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


def test_a_killed_worker_takes_nothing_with_it_that_was_counted(
    start: Start, project: Path
) -> None:
    workers = start("--workers", "2").ready()
    made = 0
    for _ in range(3):
        call(workers, 20)
        made += 20
        until(lambda: counted(project) == made)  # noqa: B023
        victim = connect(project / ".neurova").get("/v1/workers")["items"][0]["pid"]
        os.kill(victim, signal.SIGKILL)
        workers.worker("died")
        until(lambda: len(connect(project / ".neurova").get("/v1/workers")["items"]) == 2)
        assert counted(project) == made
    files = list((project / ".neurova" / "counters").iterdir())
    assert len(files) == 2  # as many as lived at once


class Watch:
    """Read the count over and over, and see that it never goes back."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seen: list[int] = []

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.seen.append(counted(self._project))


def test_under_load_rolling_restarts_lose_no_count(start: Start, project: Path) -> None:
    workers = start("--workers", "2").ready()

    async def restarts() -> int:
        async with load(workers.port, "/pid", clients=4) as sent:
            for _ in range(2):
                workers.run.process.send_signal(signal.SIGHUP)
                await asyncio.to_thread(workers.run.event, "restarted")
        assert sent.failed == []
        return sent.total

    total = asyncio.run(restarts())
    assert total > 0
    until(lambda: counted(project) == total)


def test_under_load_a_killed_worker_takes_no_more_than_its_last_batch(
    start: Start, project: Path
) -> None:
    workers = start("--workers", "2").ready()
    victim = workers.pids[0]

    async def killed() -> Any:
        async with load(workers.port, "/pid", clients=4) as sent:
            while sent.answered[str(victim)] < 200:
                await asyncio.sleep(0.01)
            # More than the others can have counted: some of its own are no longer in a last batch.
            while counted(project) <= sent.total - sent.answered[str(victim)] + 4:
                await asyncio.sleep(0.01)
            os.kill(victim, signal.SIGKILL)
            await asyncio.to_thread(workers.worker, "died")
            after = sent.total
            while sent.total < after + 200:
                await asyncio.sleep(0.01)
        return sent

    with Watch(project) as watch:
        sent = asyncio.run(killed())
    others = sent.total - sent.answered[str(victim)]
    until(lambda: counted(project) > others)
    found = counted(project)
    # What was answered and not yet received when it died counts too.
    assert others < found <= sent.total + len(sent.failed)
    assert watch.seen == sorted(watch.seen)
    assert len(watch.seen) > 3


def test_what_is_served_is_told_without_running_it_and_anew_after_a_restart(
    start: Start, project: Path
) -> None:
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


def test_a_key_that_is_made_opens_every_worker_and_a_revoked_one_none(
    start: Start, project: Path
) -> None:
    (project / "functions" / "probe" / "guarded.py").write_text(
        '"""Say who answers whom."""\n\nimport os\n\nfrom neurova import get\n\n\n'
        '@get("/guarded", scopes=["a:b"])\nasync def guarded() -> str:\n'
        "    return str(os.getpid())\n"
    )
    workers = start("--workers", "2").ready()
    asked = connect(project / ".neurova")
    fields = {"Authorization": f"Bearer {asked._token}", "Content-Type": "application/json"}
    body = b'{"consumer": "acme", "scopes": ["a:b"]}'
    made = http_client.send(asked._url, "POST", "/v1/keys", fields, body)
    assert made.status == 201
    key, key_id = (json.loads(made.body)[name] for name in ("key", "key_id"))

    def guarded() -> http_client.Answer:
        return http_client.send(workers.url, "GET", "/guarded", {"X-API-Key": key}, None)

    answered: set[str] = set()

    def both() -> bool:
        answer = guarded()
        assert answer.status == 200
        answered.add(answer.body.decode())
        return len(answered) == 2

    until(both)
    assert (
        http_client.send(asked._url, "POST", f"/v1/keys/{key_id}/revoke", fields, None).status
        == 200
    )
    until(lambda: [guarded().status for _ in range(20)] == [401] * 20)

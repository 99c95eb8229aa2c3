"""Run a project whose functions wait, block, grow and crash under a real supervisor."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from neurova_platform import http_client

from ...serving import NEUROVA, Serving, until

PROJECT = Path(__file__).with_name("project")


class Workers:
    """A running `neurova run`: its URL and its worker processes."""

    def __init__(self, project: Path, words: tuple[str, ...], command: list[str]) -> None:
        self.project = project
        self.run = Serving(project, *words, command=command)
        self.url = ""
        self.pids: list[int] = []

    def ready(self) -> Workers:
        """Wait until all workers serve."""
        ready = self.run.event("ready")
        self.url, self.pids = ready["url"], ready["pids"]
        return self

    @property
    def port(self) -> int:
        """Return the port of the gateway."""
        return int(self.url.rpartition(":")[2])

    def ask(self, path: str) -> http_client.Answer:
        """Make a call on a new connection."""
        return http_client.send(self.url, "GET", path, {}, None)

    def waiting(self) -> int:
        """Return how many calls have begun to wait."""
        file = self.project / "waiting"
        return len(file.read_text().splitlines()) if file.exists() else 0

    @contextmanager
    def calls_in_flight(self, path: str, count: int) -> Iterator[list[Future[http_client.Answer]]]:
        """Make calls that wait; yield futures of their responses."""
        with ThreadPoolExecutor(count) as pool:
            calls = [pool.submit(self.ask, path) for _ in range(count)]
            until(lambda: self.waiting() == count)
            yield calls

    def worker(self, what: str) -> dict[str, Any]:
        """Return the next `worker` event of a kind."""
        while True:
            event = self.run.event("worker")
            if event["what"] == what:
                return event


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy the test project."""
    return shutil.copytree(
        PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__")
    )


@pytest.fixture
def start(project: Path) -> Iterator[Callable[..., Workers]]:
    """Return a function that starts `neurova run` with settings, or a `script` instead of it."""
    started: list[Workers] = []

    def run(*words: str, toml: str = "", script: str = "") -> Workers:
        (project / "neurova.toml").write_text(toml)
        command = [str(NEUROVA), "run"]
        if script:
            (project / "supervised.py").write_text(script)
            command = [sys.executable, "supervised.py"]
        started.append(Workers(project, words, command))
        return started[-1]

    yield run
    for each in started:
        each.run.close()

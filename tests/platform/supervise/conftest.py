"""A project whose functions say who answers, hang, grow and die, served by several workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from neurova_platform.serving import client

from ...serving import Serving

SOURCES = {
    "pid.py": '''"""Say who answers."""

import os

from neurova import get


@get("/pid", public=True)
async def pid() -> str:
    return str(os.getpid())
''',
    "wait.py": '''"""Take a while, without holding the loop."""

import asyncio
import os

from neurova import get


@get("/wait/{ms}", public=True)
async def wait(ms: int) -> str:
    with open("waiting", "a") as file:
        file.write(f"{ms}\\n")
    await asyncio.sleep(ms / 1000)
    return str(os.getpid())
''',
    "hang.py": '''"""Hold the loop."""

import time

from neurova import get


@get("/hang", public=True)
async def hang() -> str:
    time.sleep(3600)
    return "never"
''',
    "spin.py": '''"""Hold the loop, busily, swallowing whatever would cut it."""

from neurova import get


@get("/spin", public=True)
async def spin() -> str:
    while True:
        try:
            sum(range(1000))
        except BaseException:
            continue
''',
    "die.py": '''"""End the process as a crash does."""

import ctypes

from neurova import get


@get("/die", public=True)
async def die() -> str:
    ctypes.string_at(0)
    return "never"
''',
    "grow.py": '''"""Hold more memory with each call."""

from neurova import get

held: list[bytes] = []


@get("/grow/{mb}", public=True)
async def grow(mb: int) -> int:
    held.append(bytes(bytearray(b"x" * (mb << 20))))
    return len(held)
''',
}


class Workers:
    """A `neurova run` that serves, and who its workers are."""

    def __init__(self, project: Path, *words: str) -> None:
        self.project = project
        self.run = Serving(project, "run", *words)
        self.url = ""
        self.pids: list[int] = []

    def ready(self) -> Workers:
        """Wait until all answer."""
        ready = self.run.event("ready")
        self.url, self.pids = ready["url"], ready["pids"]
        return self

    @property
    def port(self) -> int:
        """Return where they listen."""
        return int(self.url.rpartition(":")[2])

    def ask(self, path: str) -> client.Answer:
        """Make a call on a connection of its own."""
        return client.send(self.url, "GET", path, {}, None)

    def waiting(self) -> int:
        """Return how many calls have begun to wait."""
        file = self.project / "waiting"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def worker(self, what: str) -> dict[str, Any]:
        """Return the next event of a worker that something has happened to."""
        while True:
            event = self.run.event("worker")
            if event["what"] == what:
                return event


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make the project."""
    folder = tmp_path / "project"
    service = folder / "functions" / "probe"
    service.mkdir(parents=True)
    for name, source in SOURCES.items():
        (service / name).write_text(source)
    (folder / "neurova.toml").write_text("")
    return folder


@pytest.fixture
def start(project: Path) -> Iterator[Callable[..., Workers]]:
    """Return what starts workers with words and settings; all are ended with the test."""
    started: list[Workers] = []

    def begin(*words: str, toml: str = "") -> Workers:
        (project / "neurova.toml").write_text(toml)
        started.append(Workers(project, *words))
        return started[-1]

    yield begin
    for each in started:
        each.run.close()

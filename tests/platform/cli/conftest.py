"""A project to work in, and the command line, in this process or as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from neurova_platform import scaffold
from neurova_platform.cli.group import root

NEUROVA = Path(sys.executable).parent / "neurova"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project as `neurova new project` does, and go into it."""
    folder = tmp_path / "demo"
    scaffold.lay(folder, scaffold.project("demo"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Return what runs a command in this process; its output is no terminal."""

    def run(*words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(root, words, input=stdin)

    return run


@pytest.fixture
def shell() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs a command as a process."""

    def run(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60} | options
        return subprocess.run([str(NEUROVA), *words], text=True, **options)

    return run


class Serving:
    """A `neurova dev --json` or `neurova run --json`, read event by event."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [str(NEUROVA), *words, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        # A platform that says nothing is ended, so that its test fails instead of waiting.
        self._patience = threading.Timer(60, self.process.kill)
        self._patience.start()

    def event(self, kind: str) -> dict[str, Any]:
        """Return the next event of a kind; those before it are passed over."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            found: dict[str, Any] = json.loads(text)
            if found.get("event") == kind:
                return found
        assert self.process.stderr is not None
        raise AssertionError(f"ended without {kind!r}: {self.process.stderr.read()}")

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; return the exit code and what was written to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors

    def close(self) -> None:
        """End it at once, whatever it does."""
        self._patience.cancel()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def serving() -> Iterator[Callable[..., Serving]]:
    """Return what starts a platform on a free port; all are ended with the test."""
    started: list[Serving] = []

    def start(*words: str) -> Serving:
        started.append(Serving(*words, "--port", "0"))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def environ() -> dict[str, str]:
    """Return this process's environment without what would set neurova."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEUROVA_")}

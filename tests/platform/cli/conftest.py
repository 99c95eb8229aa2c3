"""A project to work in, and the command line, run in this process or in another one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from neurova_platform.cli.group import root
from neurova_platform.scaffold import scaffold

from ...serving import NEUROVA, Serving


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a project like `neurova new project`, and change to its folder."""
    folder = tmp_path / "demo"
    scaffold.write(folder, scaffold.plan_project("demo"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Return a function that runs a command in this process, with output that is no terminal."""

    def run(*words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(root, words, input=stdin)

    return run


@pytest.fixture
def shell() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a command in its own process."""

    def run(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60} | options
        options.setdefault("env", {**os.environ, "NEUROVA_ADMIN_PORT": "0"})
        return subprocess.run([str(NEUROVA), *words], text=True, **options)

    return run


@pytest.fixture
def serving() -> Iterator[Callable[..., Serving]]:
    """Return a function that starts a platform on a free port until the test ends."""
    started: list[Serving] = []

    def start(*words: str) -> Serving:
        started.append(Serving(Path.cwd(), *words))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def environ() -> dict[str, str]:
    """Return this process's environment without NEUROVA_ variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEUROVA_")}

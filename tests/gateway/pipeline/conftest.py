"""Fixtures that run the probe with a test's own gateway settings and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent

import pytest

from neurova_platform.testing.platform import TestPlatform

Run = Callable[[str], TestPlatform]


@pytest.fixture
def run_probe(probe_project: Path, tmp_path: Path) -> Iterator[Run]:
    """Return a function that runs the probe with these `[gateway]` settings."""
    with ExitStack() as stack:

        def run(settings: str = "") -> TestPlatform:
            (probe_project / "neurova.toml").write_text(f"[gateway]\n{settings}\n")
            return stack.enter_context(TestPlatform(probe_project, tmp_path / "state"))

        yield run


@pytest.fixture
def add_function(probe_project: Path) -> Callable[[str, str], None]:
    """Return a function that adds a file to the probe's service."""

    def add(name: str, source: str) -> None:
        (probe_project / "functions" / "probe" / f"{name}.py").write_text(dedent(source))

    return add

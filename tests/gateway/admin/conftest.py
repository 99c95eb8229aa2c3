"""A running probe project, for tests of its Admin API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from neurova_platform.testing.platform import TestPlatform

from ...conftest import copy_probe


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestPlatform]:
    """Run the probe project once for a module."""
    folder = tmp_path_factory.mktemp("administered")
    project: Path = copy_probe(folder / "project")
    with TestPlatform(project, folder / "state") as platform:
        yield platform

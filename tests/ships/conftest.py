"""Fixtures for tests of the image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import container
from .container import Container


@pytest.fixture(scope="session")
def grown() -> int:
    """Build the image; return its growth over the base image in bytes."""
    return container.build()


@pytest.fixture(scope="session")
def image(grown: int) -> Iterator[Container]:
    """Open the image."""
    with Container() as opened:
        yield opened


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Create a state folder owned by the image's user."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    os.chown(folder, 10001, 10001)
    return folder

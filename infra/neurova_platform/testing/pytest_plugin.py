"""The `platform` fixture: a complete platform in the test's process, with its own state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this module in every project, so keep its imports small
    from .platform import TestPlatform


@pytest.fixture(scope="session")
def neurova_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder of migrated database templates."""
    from .databases import drop_templates

    folder = tmp_path_factory.mktemp("neurova-databases")
    yield folder
    drop_templates(folder)


@pytest.fixture
def neurova_project(request: pytest.FixtureRequest) -> Path:
    """Return the folder of the project under test; override it to test another."""
    return Path(request.path).parent


@pytest.fixture
def platform(
    neurova_project: Path, neurova_databases: Path, tmp_path: Path
) -> Iterator[TestPlatform]:
    """Run the project that contains the test."""
    from .platform import TestPlatform

    with TestPlatform(neurova_project, tmp_path / ".neurova", neurova_databases) as running:
        yield running

"""The `platform` fixture: a complete platform in the test's process, with its own state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this module in every project, so its imports must be fast
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
    """Return the folder of the project under test; override it to test another project."""
    return Path(request.path).parent


@pytest.fixture
def neurova_secrets() -> dict[str, str]:
    """Return the values of the project's secrets by "NAME#FIELD"; override it to set secrets."""
    return {}


@pytest.fixture
def platform(
    neurova_project: Path,
    neurova_databases: Path,
    neurova_secrets: dict[str, str],
    tmp_path: Path,
) -> Iterator[TestPlatform]:
    """Run the project that contains the test."""
    from .platform import TestPlatform

    folder = tmp_path / ".neurova"
    with TestPlatform(neurova_project, folder, neurova_databases, neurova_secrets) as running:
        yield running

"""The `platform` fixture: the whole platform in a test's own process, with state of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from neurova.testing import Platform


@pytest.fixture(scope="session")
def neurova_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the folder of databases that were migrated once, for tests to copy."""
    from .databases import forget

    folder = tmp_path_factory.mktemp("neurova-databases")
    yield folder
    forget(folder)


@pytest.fixture
def neurova_project(request: pytest.FixtureRequest) -> Path:
    """Return the folder of the project under test; override it to test another."""
    return Path(request.path).parent


@pytest.fixture
def platform(neurova_project: Path, neurova_databases: Path, tmp_path: Path) -> Iterator[Platform]:
    """Run the project that the test lies in: call it, move its clock."""
    from .platform import TestPlatform

    with TestPlatform(neurova_project, tmp_path / ".neurova", neurova_databases) as running:
        yield running

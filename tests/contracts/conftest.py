"""What contract suites are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contracts.databases import BACKENDS, Open


@pytest.fixture(params=sorted(BACKENDS))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Give what opens one more `Database` on one and the same store, empty at first."""
    return BACKENDS[request.param](tmp_path)

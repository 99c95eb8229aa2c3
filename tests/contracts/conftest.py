"""What contract suites are given."""

from __future__ import annotations

import pytest
from tests.contracts.databases import BACKENDS, PARAMETERS, Open


@pytest.fixture(params=PARAMETERS)
def opened(request: pytest.FixtureRequest) -> Open:
    """Give what opens one more `Database` on one and the same store, empty at first."""
    return BACKENDS[request.param](request)

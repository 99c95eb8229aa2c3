from __future__ import annotations

import pytest
from tests.runtime.database.things import FILL, MAKE
from tests.servers.postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """Return the URL of a database with things."""
    made = postgres.create()
    for statement in (MAKE, FILL):
        postgres.run(statement, made)
    return made

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.database.revision_files import FIRST
from tests.runtime.database.things import FILL, MAKE
from tests.servers.postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """Return the URL of a database with things."""
    made = postgres.create()
    for statement in (MAKE, FILL):
        postgres.run(statement, made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of migrations with the first revision."""
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "0001_things.py").write_text(FIRST)
    return made

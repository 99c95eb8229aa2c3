from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.database.revision_files import FIRST
from tests.runtime.database.things import FILL, MAKE
from tests.servers.postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """Return the URL of a database with the table `things`."""
    url = postgres.create()
    for statement in (MAKE, FILL):
        postgres.run(statement, url)
    return url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of migrations with the first revision."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_things.py").write_text(FIRST)
    return folder

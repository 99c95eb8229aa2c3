"""A test's databases on PostgreSQL are copies of a template and dropped afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.servers.postgres import PostgresServer

from neurova_platform.testing.databases import drop_templates, postgres_variables
from neurova_platform.testing.platform import TestPlatform

NOTES = {
    "migrations/0001_notes.py": """
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE notes (text TEXT)")
""",
    "write.py": """
from neurova import Tx, post
from sqlalchemy import text


@post("/notes", public=True)
async def write(tx: Tx) -> str:
    await tx.execute(text("INSERT INTO notes VALUES ('x')"))
    return (await tx.execute(text("SELECT version()"))).scalar_one()
""",
    "count.py": """
from neurova import Tx, get
from sqlalchemy import text


@get("/notes", public=True)
async def count(tx: Tx) -> int:
    return (await tx.execute(text("SELECT count(*) FROM notes"))).scalar_one()
""",
}
COUNT_DATABASES = "SELECT count(*) FROM pg_database WHERE datname LIKE 'nv_test_%'"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, source in NOTES.items():
        file = folder / "functions" / "notes" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    (folder / "neurova.toml").write_text("")
    return folder


@pytest.mark.server
def test_each_test_gets_an_empty_postgres_database(
    project: Path, tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = postgres.create()
    before = postgres.run(COUNT_DATABASES)
    monkeypatch.setenv("NEUROVA_SERVICES_NOTES_DATABASE", configured)
    templates = tmp_path / "templates"
    for number in range(2):
        with TestPlatform(project, tmp_path / f"state{number}", templates) as platform:
            assert platform.get("/notes").json() == 0
            assert platform.post("/notes").text.startswith("PostgreSQL")
            assert platform.get("/notes").json() == 1
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert postgres.run(tables, configured) == [(0,)]
    drop_templates(templates)
    assert postgres.run(COUNT_DATABASES) == before


def test_only_postgres_urls_come_from_the_environment() -> None:
    environ = {
        "NEUROVA_SERVICES_A_DATABASE": "postgresql://h/a",
        "NEUROVA_SERVICES_B_DATABASE": "/data/b.db",
        "NEUROVA_GATEWAY_PORT": "1",
    }
    assert postgres_variables(environ) == {"NEUROVA_SERVICES_A_DATABASE": "postgresql://h/a"}

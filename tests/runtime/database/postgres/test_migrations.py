"""Migrations on PostgreSQL beyond the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.runtime.database.revision_files import SECOND
from tests.servers.postgres import PostgresServer

from neurova.database.migrations import (
    revision,
    upgrade,
)
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import Unavailable

pytestmark = pytest.mark.server

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"


@pytest.fixture
def url(postgres: PostgresServer) -> PostgresUrl:
    return PostgresUrl(postgres.create())


def test_lost_connection_undoes_the_upgrade(
    postgres: PostgresServer, url: PostgresUrl, folder: Path
) -> None:
    terminate = "SELECT pg_terminate_backend(pg_backend_pid())"
    second = SECOND.replace("INSERT INTO things VALUES (2)", terminate)
    (folder / "0002_more.py").write_text(second)
    with pytest.raises(Unavailable, match=r"is starting|closed the connection"):
        upgrade(url, folder)
    assert postgres.run(TABLES, url.dsn) == []


def test_new_revision_ignores_the_tables_in_the_database(
    postgres: PostgresServer, url: PostgresUrl, tmp_path: Path
) -> None:
    """The new revision is compared with an empty schema, which is dropped afterwards."""
    metadata, folder = sa.MetaData(), tmp_path / "migrations"
    sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True))
    postgres.run("CREATE TABLE things (other int)", url.dsn)
    first = revision(folder, "things", metadata, url)
    assert "create_table('things'" in first.read_text()
    sa.Table("words", metadata, sa.Column("w", sa.dialects.postgresql.TSVECTOR))
    second = revision(folder, "words", metadata, url).read_text()
    assert "postgresql.TSVECTOR" in second
    assert "things" not in second
    assert postgres.run(TABLES, url.dsn) == [("things",)]
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'nv_revision%'"
    assert postgres.run(schemas, url.dsn) == [(0,)]

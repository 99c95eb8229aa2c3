"""Migrations of an SQLite file beyond the contract."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.runtime.database.processes import run_python
from tests.runtime.database.revision_files import SECOND

from neurova.database.migrations import (
    Status,
    revision,
    status,
    upgrade,
)
from neurova.errors import StateError

STATUS_AND_UPGRADE = """
    import sys
    from pathlib import Path
    from neurova.database import migrations
    location = Path(sys.argv[1]), Path(sys.argv[2])
    migrations.status(*location)
    migrations.upgrade(*location)
    print([name for name in ("alembic", "sqlalchemy") if name in sys.modules])
"""
REBUILD = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("parts", sa.Column("id", sa.Integer, sa.ForeignKey("things.id")))
    op.execute("INSERT INTO parts VALUES (1)")
    with op.batch_alter_table("things", recreate="always") as table:
        table.add_column(sa.Column("name", sa.String, server_default="x"))
"""


def test_status_creates_no_file(tmp_path: Path, folder: Path) -> None:
    database = tmp_path / "x.db"
    assert status(database, tmp_path / "none") == Status(None, None, ())
    assert status(database, folder).pending == ("nv0001", "nv0002", "nv0003", "0001")
    assert not database.exists()


def test_versions_folder_is_read_and_written(tmp_path: Path, folder: Path) -> None:
    (folder / "versions").mkdir()
    (folder / "versions" / "0002_more.py").write_text(SECOND)
    assert upgrade(tmp_path / "x.db", folder) == ("nv0001", "nv0002", "nv0003", "0001", "0002")
    assert revision(folder, "third").parent == folder / "versions"


def test_broken_foreign_key_undoes_the_upgrade(tmp_path: Path, folder: Path) -> None:
    breaking = SECOND.replace(
        'op.execute("INSERT INTO things VALUES (2)")',
        'op.execute("CREATE TABLE parts (id REFERENCES things)")\n'
        '    op.execute("INSERT INTO parts VALUES (7)")',
    )
    upgrade(tmp_path / "x.db", folder)
    (folder / "0002_more.py").write_text(breaking)
    with pytest.raises(StateError, match="'parts' refers to a row of 'things'"):
        upgrade(tmp_path / "x.db", folder)
    assert status(tmp_path / "x.db", folder).current == "0001"


def test_referenced_table_can_be_rebuilt(tmp_path: Path, folder: Path) -> None:
    (folder / "0002_more.py").write_text(REBUILD)
    upgrade(tmp_path / "x.db", folder)
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        assert connection.execute("SELECT * FROM things").fetchall() == [(1, "x")]


def test_unusable_file_is_reported(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database" * 100)
    with pytest.raises(StateError, match="is not an SQLite database"):
        status(tmp_path / "x.db", folder)
    with pytest.raises(StateError, match="create its folder"):
        upgrade(tmp_path / "missing" / "x.db", folder)


def test_new_revision_contains_the_new_tables(tmp_path: Path) -> None:
    metadata, folder = sa.MetaData(), tmp_path / "migrations"
    sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True))
    first = revision(folder, "The first things!", metadata)
    assert first == folder / "0001_the_first_things.py"
    upgrade(tmp_path / "x.db", folder)
    sa.Table("parts", metadata, sa.Column("id", sa.Integer, primary_key=True))
    second = revision(folder, "parts", metadata)
    assert "parts" in second.read_text()
    assert "things" not in second.read_text()
    assert upgrade(tmp_path / "x.db", folder) == ("0002",)
    assert [file.name for file in folder.iterdir() if file.is_dir()] == []


def test_new_revision_keeps_a_full_text_index(tmp_path: Path) -> None:
    metadata, folder = sa.MetaData(), tmp_path / "migrations"
    first = revision(folder, "index", metadata)
    index = 'op.execute("CREATE VIRTUAL TABLE found USING fts5(words)")'
    first.write_text(first.read_text().replace("    # ### end", f"    {index}\n    # ### end", 1))
    assert "drop" not in revision(folder, "nothing", metadata).read_text()


def test_new_revision_without_tables_is_empty(tmp_path: Path, folder: Path) -> None:
    file = revision(folder, "by hand")
    assert "down_revision = '0001'" in file.read_text()
    assert upgrade(tmp_path / "x.db", folder) == ("nv0001", "nv0002", "nv0003", "0001", "0002")


def test_alembic_is_imported_only_to_run_revisions(tmp_path: Path, folder: Path) -> None:
    upgrade(tmp_path / "x.db", folder)
    process = run_python(STATUS_AND_UPGRADE, tmp_path / "x.db", folder)
    assert process.communicate()[0] == "[]\n"

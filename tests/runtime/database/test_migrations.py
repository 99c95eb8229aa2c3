from __future__ import annotations

import sqlite3
import subprocess
import sys
import types
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.runtime.database.revision_files import FIRST, SECOND

from neurova.database.migrations import (
    Status,
    revision,
    status,
    tables,
    upgrade,
    upgrade_platform,
)
from neurova.errors import StateError


def rows(database: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_an_upgrade_runs_what_is_pending_once(tmp_path: Path, folder: Path) -> None:
    database = tmp_path / "x.db"
    assert status(database, folder) == Status(None, "0001", ("nv0001", "0001"))
    assert not database.exists()
    assert upgrade(database, folder) == ("nv0001", "0001")
    assert upgrade(database, folder) == ()
    (folder / "0002_more.py").write_text(SECOND)
    assert status(database, folder) == Status("0001", "0002", ("0002",))
    assert upgrade(database, folder) == ("0002",)
    assert rows(database, "SELECT id FROM things") == [(1,), (2,)]
    assert rows(database, "PRAGMA journal_mode") == [("wal",)]


def test_revisions_may_lie_in_a_versions_folder(tmp_path: Path, folder: Path) -> None:
    (folder / "versions").mkdir()
    (folder / "versions" / "0002_more.py").write_text(SECOND)
    assert upgrade(tmp_path / "x.db", folder) == ("nv0001", "0001", "0002")
    assert revision(folder, "third").parent == folder / "versions"


def test_a_failing_revision_leaves_the_database_as_it_was(tmp_path: Path, folder: Path) -> None:
    database = tmp_path / "x.db"
    (folder / "0002_more.py").write_text(SECOND.replace("things", "nothing"))
    with pytest.raises(StateError, match=r"(?s)x\.db: .*nothing was changed"):
        upgrade(database, folder)
    assert rows(database, "SELECT name FROM sqlite_schema") == []
    (folder / "0002_more.py").write_text(SECOND)
    assert upgrade(database, folder) == ("nv0001", "0001", "0002")


def test_an_upgrade_that_would_break_a_reference_is_undone(tmp_path: Path, folder: Path) -> None:
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


def test_a_table_that_others_refer_to_can_be_rebuilt(tmp_path: Path, folder: Path) -> None:
    (folder / "0002_more.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        'revision = "0002"\ndown_revision = "0001"\n\n\ndef upgrade() -> None:\n'
        '    op.create_table("parts", sa.Column("id", sa.Integer, sa.ForeignKey("things.id")))\n'
        '    op.execute("INSERT INTO parts VALUES (1)")\n'
        '    with op.batch_alter_table("things", recreate="always") as table:\n'
        '        table.add_column(sa.Column("name", sa.String, server_default="x"))\n'
    )
    upgrade(tmp_path / "x.db", folder)
    assert rows(tmp_path / "x.db", "SELECT * FROM things") == [(1, "x")]


def test_a_database_newer_than_the_code_says_the_fix(tmp_path: Path, folder: Path) -> None:
    upgrade(tmp_path / "x.db", folder)
    (folder / "0001_things.py").write_text(FIRST.replace("0001", "0000"))
    for step in (status, upgrade):
        with pytest.raises(StateError, match=r"newer than this code.*deploy"):
            step(tmp_path / "x.db", folder)


def test_a_half_migrated_database_says_the_fix(tmp_path: Path, folder: Path) -> None:
    (folder / "0002_more.py").write_text(SECOND)
    upgrade(tmp_path / "x.db", folder)
    connection = sqlite3.connect(tmp_path / "x.db")
    with connection:
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
    connection.close()
    for step in (status, upgrade):
        with pytest.raises(StateError, match=r"half migrated, .*'0001' and '0002'"):
            step(tmp_path / "x.db", folder)


def test_a_file_that_is_no_database_says_the_fix(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database" * 100)
    with pytest.raises(StateError, match="is not an SQLite database"):
        status(tmp_path / "x.db", folder)


def test_a_missing_state_folder_says_the_fix(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(StateError, match="create its folder"):
        upgrade(tmp_path / "missing" / "x.db", folder)


def test_a_new_revision_holds_what_the_tables_have_over_the_last(tmp_path: Path) -> None:
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


def test_a_new_revision_leaves_a_full_text_index_alone(tmp_path: Path) -> None:
    metadata, folder = sa.MetaData(), tmp_path / "migrations"
    sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True))
    first = revision(folder, "things", metadata)
    index = 'op.execute("CREATE VIRTUAL TABLE found USING fts5(words)")'
    first.write_text(first.read_text().replace("    # ### end", f"    {index}\n    # ### end", 1))
    assert "drop" not in revision(folder, "nothing", metadata).read_text()


def test_a_new_revision_without_tables_is_empty_and_runs(tmp_path: Path, folder: Path) -> None:
    made = revision(folder, "by hand")
    assert "down_revision = '0001'" in made.read_text()
    assert upgrade(tmp_path / "x.db", folder) == ("nv0001", "0001", "0002")


def test_the_tables_of_a_service_are_its_domains_metadata() -> None:
    module, metadata = types.ModuleType("domain"), sa.MetaData()
    assert tables(module) is None
    vars(module)["anything"] = metadata
    assert tables(module) is metadata


def test_alembic_is_imported_only_when_something_is_pending(tmp_path: Path, folder: Path) -> None:
    upgrade(tmp_path / "x.db", folder)
    code = (
        "import sys; from pathlib import Path; "
        "from neurova.database import migrations as m; "
        f"at = Path({str(tmp_path / 'x.db')!r}), Path({str(folder)!r}); "
        "m.status(*at); m.upgrade(*at); "
        "print([name for name in ('alembic', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_platforms_tables_are_made_alone_in_a_database_of_no_service(tmp_path: Path) -> None:
    database, nowhere = tmp_path / "x.db", tmp_path / "migrations"
    assert status(database, nowhere) == Status(None, None, ())
    assert upgrade_platform(database) == ("nv0001",)
    assert upgrade_platform(database) == ()
    assert status(database, nowhere) == Status(None, None, ())
    assert rows(database, "SELECT count(*) FROM nv_idempotency") == [(0,)]


def test_a_database_whose_platforms_tables_are_missing_is_behind(
    tmp_path: Path, folder: Path
) -> None:
    database = tmp_path / "x.db"
    upgrade(database, folder)
    connection = sqlite3.connect(database)
    connection.executescript("DROP TABLE nv_idempotency; DROP TABLE nv_version")
    connection.close()
    assert status(database, folder) == Status("0001", "0001", ("nv0001",))
    assert upgrade(database, folder) == ("nv0001",)


def test_a_database_whose_platforms_tables_are_newer_than_the_code_says_the_fix(
    tmp_path: Path, folder: Path
) -> None:
    database = tmp_path / "x.db"
    upgrade(database, folder)
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("UPDATE nv_version SET version_num = 'nv9999'")
    connection.close()
    with pytest.raises(StateError, match=r"newer than this code.*deploy"):
        status(database, folder)


@pytest.mark.server
def test_processes_that_start_together_run_each_revision_once(tmp_path: Path, folder: Path) -> None:
    (folder / "0002_more.py").write_text(SECOND)
    code = (
        "import sys; from pathlib import Path; "
        "from neurova.database import migrations as m; "
        "sys.stdin.readline(); "
        f"print(len(m.upgrade(Path({str(tmp_path / 'x.db')!r}), Path({str(folder)!r}))))"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    ran = sorted(int(starter.communicate(timeout=120)[0]) for starter in starters)
    assert ran == [0, 0, 0, 3]
    assert rows(tmp_path / "x.db", "SELECT id FROM things") == [(1,), (2,)]

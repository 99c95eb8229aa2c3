"""Migrations on PostgreSQL run once, all or none, and say what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.runtime.database.revision_files import FIRST, SECOND
from tests.servers.postgres import PostgresServer

from neurova.database.migrations import (
    PendingMigrations,
    Status,
    check,
    product,
    revision,
    status,
    upgrade,
    upgrade_platform,
)
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable

pytestmark = pytest.mark.server

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"


@pytest.fixture
def url(postgres: PostgresServer) -> PostgresUrl:
    return PostgresUrl(postgres.create())


def test_an_upgrade_runs_what_is_pending_once(
    postgres: PostgresServer, url: PostgresUrl, folder: Path
) -> None:
    assert status(url, folder) == Status(None, "0001", ("nv0001", "0001"))
    assert postgres.run(TABLES, url.dsn) == []
    assert upgrade(url, folder) == ("nv0001", "0001")
    assert upgrade(url, folder) == ()
    (folder / "0002_more.py").write_text(SECOND)
    assert status(url, folder) == Status("0001", "0002", ("0002",))
    assert upgrade(url, folder) == ("0002",)
    assert postgres.run("SELECT id FROM things", url.dsn) == [(1,), (2,)]


def test_the_platforms_tables_are_made_alone(url: PostgresUrl, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert status(url, nowhere) == Status(None, None, ("nv0001",))
    assert upgrade_platform(url) == ("nv0001",)
    assert status(url, nowhere) == Status(None, None, ())


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("INSERT INTO nothing VALUES (2)", "nothing.*nothing was changed"),
        (
            "SELECT pg_terminate_backend(pg_backend_pid())",
            "is starting or stopping|closed the connection",
        ),
    ],
    ids=["fails", "is cut"],
)
def test_a_migration_that_does_not_end_leaves_nothing(
    postgres: PostgresServer, url: PostgresUrl, folder: Path, statement: str, said: str
) -> None:
    second = SECOND.replace("INSERT INTO things VALUES (2)", statement)
    (folder / "0002_more.py").write_text(second)
    with pytest.raises((StateError, Unavailable), match=f"(?s){said}"):
        upgrade(url, folder)
    assert postgres.run(TABLES, url.dsn) == []
    (folder / "0002_more.py").write_text(SECOND)
    assert upgrade(url, folder) == ("nv0001", "0001", "0002")


def test_a_newer_database_says_the_fix(url: PostgresUrl, folder: Path) -> None:
    upgrade(url, folder)
    (folder / "0001_things.py").write_text(FIRST.replace("0001", "0000"))
    for step in (status, upgrade):
        with pytest.raises(StateError, match=r"newer than this code.*deploy"):
            step(url, folder)


def test_a_half_migrated_database_says_the_fix(
    postgres: PostgresServer, url: PostgresUrl, folder: Path
) -> None:
    (folder / "0002_more.py").write_text(SECOND)
    upgrade(url, folder)
    postgres.run("INSERT INTO alembic_version VALUES ('0001')", url.dsn)
    for step in (status, upgrade):
        with pytest.raises(StateError, match=r"half migrated, .*'0001' and '0002'"):
            step(url, folder)


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        ("name", StateError, "does not exist.*create it"),
        ("password", StateError, "refuses this user's password"),
        ("port", Unavailable, "does not answer"),
    ],
)
def test_a_database_that_cannot_be_had_says_the_fix_and_no_password(
    url: PostgresUrl, folder: Path, wrong: str, kind: type[Exception], said: str
) -> None:
    user, _, rest = url.dsn.rpartition("@")
    password = user.rpartition(":")[2]
    changed = {
        "name": url.with_database("nowhere").dsn,
        "password": url.dsn.replace(password, "hunter2"),
        "port": f"{user}@127.0.0.1:1/{rest.partition('/')[2]}",
    }[wrong]
    for step in (status, upgrade):
        with pytest.raises(kind, match=said) as caught:
            step(PostgresUrl(changed), folder)
        assert password not in str(caught.value)
        assert "hunter2" not in str(caught.value)


def test_a_new_revision_holds_what_the_tables_have_over_the_last(
    postgres: PostgresServer, url: PostgresUrl, tmp_path: Path
) -> None:
    """Found in a schema that is gone afterwards: what lies in the database does not count."""
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


def test_check_reports_pending_revisions(url: PostgresUrl, folder: Path) -> None:
    with pytest.raises(PendingMigrations, match="is behind by 2 revision"):
        check(url, folder)
    upgrade(url, folder)
    check(url, folder)
    assert product(url).startswith("PostgreSQL 1")


def test_processes_that_start_together_run_each_revision_once(
    postgres: PostgresServer, url: PostgresUrl, folder: Path
) -> None:
    (folder / "0002_more.py").write_text(SECOND)
    code = (
        "import sys; from pathlib import Path; "
        "from neurova.database import migrations as m; "
        "from neurova.database.postgres.url import PostgresUrl; url = sys.stdin.readline(); "
        f"print(len(m.upgrade(PostgresUrl(url.strip()), Path({str(folder)!r}))))"
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
        starter.stdin.write(url.dsn + "\n")
        starter.stdin.flush()
    ran = sorted(int(starter.communicate(timeout=120)[0]) for starter in starters)
    assert ran == [0, 0, 0, 3]
    assert postgres.run("SELECT id FROM things", url.dsn) == [(1,), (2,)]

"""What every backend guarantees about migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table
from tests.contracts.databases import PARAMETERS
from tests.runtime.database.processes import run_python
from tests.runtime.database.revision_files import FIRST, SECOND

from neurova.database.migrations import (
    Location,
    PendingMigrations,
    Status,
    check,
    differences,
    product,
    status,
    upgrade,
    upgrade_platform,
)
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError

UPGRADE = """
    import sys
    from pathlib import Path
    from neurova.database.migrations import upgrade
    from neurova.database.postgres.url import PostgresUrl, is_postgres
    database, folder = sys.stdin.readline().strip(), Path(sys.argv[1])
    location = PostgresUrl(database) if is_postgres(database) else Path(database)
    print(len(upgrade(location, folder)))
"""


class Store:
    """One database and direct access to it."""

    def __init__(self, location: Location, run: Callable[[str], list[Any]]) -> None:
        self.location = location
        self.run = run


@pytest.fixture(params=PARAMETERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return a database without tables; for SQLite, the file does not exist yet."""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        url = PostgresUrl(server.create())
        return Store(url, lambda statement: server.run(statement, url.dsn))
    path = tmp_path / "x.db"

    def run(statement: str) -> list[Any]:
        with closing(sqlite3.connect(path)) as connection, connection:
            return connection.execute(statement).fetchall()

    return Store(path, run)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of migrations with the first revision."""
    folder = tmp_path / "things" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_things.py").write_text(FIRST)
    return folder


def test_upgrade_runs_each_pending_revision_once(store: Store, folder: Path) -> None:
    assert status(store.location, folder) == Status(
        None, "0001", ("nv0001", "nv0002", "nv0003", "0001")
    )
    assert upgrade(store.location, folder) == ("nv0001", "nv0002", "nv0003", "0001")
    assert upgrade(store.location, folder) == ()
    (folder / "0002_more.py").write_text(SECOND)
    assert status(store.location, folder) == Status("0001", "0002", ("0002",))
    assert upgrade(store.location, folder) == ("0002",)
    assert store.run("SELECT id FROM things") == [(1,), (2,)]


def test_platform_tables_can_be_created_alone(store: Store, tmp_path: Path) -> None:
    assert upgrade_platform(store.location) == ("nv0001", "nv0002", "nv0003")
    assert upgrade_platform(store.location) == ()
    assert status(store.location, tmp_path / "none") == Status(None, None, ())
    assert store.run("SELECT count(*) FROM nv_idempotency") == [(0,)]


def test_missing_platform_tables_are_no_fault(store: Store, folder: Path) -> None:
    upgrade(store.location, folder)
    store.run("DROP TABLE nv_idempotency")
    store.run("DROP TABLE nv_version")
    for table in ("nv_outbox", "nv_inbox", "nv_parked", "nv_schedule"):
        store.run(f"DROP TABLE {table}")
    assert check(store.location, folder) == Status("0001", "0001", ("nv0001", "nv0002", "nv0003"))
    assert upgrade(store.location, folder) == ("nv0001", "nv0002", "nv0003")


def test_failing_revision_changes_nothing(store: Store, folder: Path) -> None:
    (folder / "0002_more.py").write_text(SECOND.replace("INTO things", "INTO missing"))
    with pytest.raises(StateError, match=r"(?s)missing.*nothing was changed"):
        upgrade(store.location, folder)
    assert status(store.location, folder).current is None
    (folder / "0002_more.py").write_text(SECOND)
    assert upgrade(store.location, folder) == ("nv0001", "nv0002", "nv0003", "0001", "0002")


@pytest.mark.parametrize("table", ["alembic_version", "nv_version"])
@pytest.mark.parametrize("step", [status, upgrade])
def test_newer_database_is_refused(
    store: Store, folder: Path, table: str, step: Callable[..., Any]
) -> None:
    upgrade(store.location, folder)
    store.run(f"UPDATE {table} SET version_num = '9999'")
    with pytest.raises(StateError, match=r"newer than this code.*deploy"):
        step(store.location, folder)


@pytest.mark.parametrize("step", [status, upgrade])
def test_half_migrated_database_is_refused(
    store: Store, folder: Path, step: Callable[..., Any]
) -> None:
    upgrade(store.location, folder)
    store.run("INSERT INTO alembic_version VALUES ('0002')")
    with pytest.raises(StateError, match=r"half migrated, .*'0001' and '0002'"):
        step(store.location, folder)


def test_check_reports_pending_revisions(store: Store, folder: Path) -> None:
    with pytest.raises(
        PendingMigrations, match=r"nv0002, nv0003, 0001: run `neurova db upgrade things`"
    ):
        check(store.location, folder)
    upgrade(store.location, folder)
    check(store.location, folder)
    name, version = product(store.location).split()
    assert name in ("SQLite", "PostgreSQL")
    assert version[0].isdigit()


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ("ALTER TABLE things ADD COLUMN name varchar", None),
        ("ALTER TABLE things ADD COLUMN Extra integer NOT NULL DEFAULT 1", None),
        ("CREATE VIEW more AS SELECT id FROM things", None),
        ("ALTER TABLE things RENAME COLUMN id TO number", "column things.id is missing"),
        ("DROP TABLE things", "table things is missing"),
        (
            "DROP TABLE things; CREATE TABLE things (id integer PRIMARY KEY, n integer NOT NULL)",
            "column things.n needs a value, but is not declared",
        ),
    ],
)
def test_table_that_differs_from_the_domain_is_named(
    store: Store, folder: Path, change: str, difference: str | None
) -> None:
    upgrade(store.location, folder)
    domain = ModuleType("domain")
    assert differences(store.location, domain) == ()
    domain.metadata = metadata = MetaData()  # type: ignore[attr-defined]
    Table("things", metadata, Column("id", Integer, primary_key=True))
    assert differences(store.location, domain) == ()
    for statement in change.split(";"):
        store.run(statement)
    found = differences(store.location, domain)
    assert (found[0] if found else None) == difference


@pytest.mark.server
def test_concurrent_processes_run_each_revision_once(store: Store, folder: Path) -> None:
    (folder / "0002_more.py").write_text(SECOND)
    location = store.location
    processes = [run_python(UPGRADE, folder) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{location.dsn if isinstance(location, PostgresUrl) else location}\n")
        process.stdin.flush()
    assert sorted(int(process.communicate(timeout=120)[0]) for process in processes) == [0, 0, 0, 5]
    assert store.run("SELECT id FROM things") == [(1,), (2,)]

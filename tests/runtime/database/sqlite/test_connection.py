from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import text

from neurova.database.sqlite.connection import SqliteConnection, create_sqlite_engine


def test_a_reader_has_its_snapshot_when_it_has_begun_and_not_only_when_it_first_reads(
    tmp_path: Path,
) -> None:
    """So a lock that a reader meets, it meets where it is waited for."""
    path = tmp_path / "x.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    reader = SqliteConnection(create_sqlite_engine(path), path, readonly=True)
    reader.begin()
    other.execute("INSERT INTO t VALUES (1)")
    assert reader.run(text("SELECT count(*) FROM t"), None).scalar_one() == 0
    reader.rollback()
    reader.begin()
    assert reader.run(text("SELECT count(*) FROM t"), None).scalar_one() == 1
    reader.close()
    other.close()


def test_a_closed_connection_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = SqliteConnection(create_sqlite_engine(path), path, readonly=False)
    for _ in range(2):
        connection.begin()
        connection.run(text("SELECT 1"), None)
        connection.commit()
        connection.close()


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with create_sqlite_engine(path).connect() as core:
        core.exec_driver_sql("PRAGMA journal_mode = WAL")
        core.exec_driver_sql("CREATE TABLE things (id INTEGER)")
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "new.db-wal" in modes

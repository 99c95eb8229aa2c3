"""One connection to an SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import text

from neurova.database.sqlite.connection import SqliteConnection, create_sqlite_engine


def test_reader_has_its_snapshot_from_begin_on(
    tmp_path: Path,
) -> None:
    """So a reader meets a lock only in `begin`, which retries."""
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


def test_new_database_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with create_sqlite_engine(path).connect() as core:
        core.exec_driver_sql("PRAGMA journal_mode = WAL")
        core.exec_driver_sql("CREATE TABLE things (id INTEGER)")
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "new.db-wal" in modes

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import text

from neurova.database.sqlite_connection import SqliteConnection, engine


def test_a_reader_has_its_snapshot_when_it_has_begun_and_not_only_when_it_first_reads(
    tmp_path: Path,
) -> None:
    """So a lock that a reader meets, it meets where it is waited for."""
    path = tmp_path / "x.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    reader = SqliteConnection(engine(path), path, readonly=True)
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
    connection = SqliteConnection(engine(path), path, readonly=False)
    for _ in range(2):
        connection.begin()
        connection.run(text("SELECT 1"), None)
        connection.commit()
        connection.close()

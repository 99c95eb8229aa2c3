from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from neurova.database.base import TransactionError
from neurova.database.sqlite.errors import busy, code, translate
from neurova.errors import NeurovaError, StateError, Unavailable


def failing(connection: sqlite3.Connection, statement: str) -> sqlite3.Error:
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(statement)
    return caught.value


def test_a_file_without_write_permission_says_so_unless_the_transaction_only_reads(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.db"
    sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    error = failing(connection, "INSERT INTO t VALUES (1)")
    meaning = translate(error, path, readonly=False)
    assert isinstance(meaning, StateError)
    assert str(path) in str(meaning)
    assert isinstance(translate(error, path, readonly=True), TransactionError)
    connection.close()


def test_a_lock_of_another_process_is_unavailable(tmp_path: Path) -> None:
    holder, other = (
        sqlite3.connect(tmp_path / "x.db", timeout=0, isolation_level=None) for _ in range(2)
    )
    holder.execute("BEGIN EXCLUSIVE")
    error = failing(other, "BEGIN IMMEDIATE")
    assert busy(error)
    assert isinstance(translate(error, tmp_path / "x.db", readonly=False), Unavailable)
    holder.close()
    other.close()


def test_a_mistake_in_the_statement_is_left_to_its_author() -> None:
    connection = sqlite3.connect(":memory:")
    error = failing(connection, "SELECT * FROM nothing")
    assert translate(error, Path("x.db"), readonly=False) is None
    connection.close()


@pytest.mark.parametrize("name", ["BUSY_SNAPSHOT", "IOERR_FSYNC", "CORRUPT_VTAB", "CANTOPEN_ISDIR"])
def test_an_extended_code_means_what_its_family_means(name: str) -> None:
    error = sqlite3.OperationalError("…")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{name}")
    assert code(error) == getattr(sqlite3, f"SQLITE_{name.split('_')[0]}")
    assert isinstance(translate(error, Path("x.db"), readonly=False), NeurovaError)

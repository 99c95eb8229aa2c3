"""Translation of SQLite's errors."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from neurova.database.base import TransactionError
from neurova.database.sqlite.errors import result_code, translate
from neurova.errors import NeurovaError, StateError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    return tmp_path / "x.db"


def catch_error(connection: sqlite3.Connection, statement: str) -> sqlite3.Error:
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(statement)
    return caught.value


def test_read_only_file_is_reported_unless_the_transaction_is_read_only(path: Path) -> None:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    error = catch_error(connection, "INSERT INTO t VALUES (1)")
    connection.close()
    translated = translate(error, path, readonly=False)
    assert isinstance(translated, StateError)
    assert translated.where == str(path)
    assert isinstance(translate(error, path, readonly=True), TransactionError)


@pytest.mark.parametrize("name", ["BUSY_SNAPSHOT", "IOERR_FSYNC", "CORRUPT_VTAB", "CANTOPEN_ISDIR"])
def test_extended_codes_are_translated_by_their_primary_code(name: str) -> None:
    error = sqlite3.OperationalError("…")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{name}")
    assert result_code(error) == getattr(sqlite3, f"SQLITE_{name.split('_')[0]}")
    assert isinstance(translate(error, Path("x.db"), readonly=False), NeurovaError)

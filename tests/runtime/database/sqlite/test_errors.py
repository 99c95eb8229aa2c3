"""Translation of SQLite's errors."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from neurova.database.base import TransactionError
from neurova.database.sqlite.errors import result_code, translate
from neurova.errors import StateError, Unavailable


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("BUSY_SNAPSHOT", Unavailable),
        ("IOERR_FSYNC", StateError),
        ("CORRUPT_VTAB", StateError),
        ("CANTOPEN_ISDIR", StateError),
        ("READONLY_DBMOVED", StateError),
    ],
)
def test_errors_are_translated_by_their_primary_code(name: str, kind: type[Exception]) -> None:
    error = sqlite3.OperationalError("…")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{name}")
    assert result_code(error) == getattr(sqlite3, f"SQLITE_{name.split('_')[0]}")
    translated = translate(error, Path("x.db"), readonly=False)
    assert isinstance(translated, kind)
    assert "x.db" in str(translated)
    if name.startswith("READONLY"):
        assert isinstance(translate(error, Path("x.db"), readonly=True), TransactionError)

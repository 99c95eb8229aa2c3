"""Opening an SQLite file that holds platform state."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from neurova.files.sqlite_file import open_sqlite_file

LAYOUT = "CREATE TABLE IF NOT EXISTS numbers (number INTEGER)"
OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT INTO numbers VALUES (1)")
connection.commit()
connection.close()
"""


@pytest.mark.server
def test_second_connection_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    """Closing the file in another process must not delete the WAL of open connections."""
    path = tmp_path / "numbers.db"
    first, second = open_sqlite_file(path, LAYOUT), open_sqlite_file(path, LAYOUT)
    subprocess.run([sys.executable, "-c", OTHER, str(path)], check=True, timeout=60)
    second.execute("INSERT INTO numbers VALUES (2)")
    outside = sqlite3.connect(path)
    for connection in (first, outside):
        assert connection.execute("SELECT number FROM numbers").fetchall() == [(1,), (2,)]
    for connection in (first, second, outside):
        connection.close()

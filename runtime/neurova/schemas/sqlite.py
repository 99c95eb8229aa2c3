"""Schemas in an SQLite file, which the processes of one machine share."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..events.codec import UndecodableEvent
from ..files.sqlite_file import open_sqlite_file, translate_sqlite_error

_LAYOUT = "CREATE TABLE IF NOT EXISTS schemas (fingerprint BLOB PRIMARY KEY, schema TEXT NOT NULL)"


class SqliteSchemaStore:
    """Keep schemas in the file at `path`, created on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[bytes, str] = {}
        self._connection: sqlite3.Connection | None = None

    def add(self, fingerprint: bytes, schema: str) -> None:
        """Store a schema; do nothing if it is known."""
        if fingerprint in self._known:
            return
        self._run("INSERT OR IGNORE INTO schemas VALUES (?, ?)", fingerprint, schema)
        self._known[fingerprint] = schema

    def find(self, fingerprint: bytes) -> str:
        """Return the schema of a fingerprint. Raises UndecodableEvent if it is unknown."""
        if fingerprint not in self._known:
            rows = self._run("SELECT schema FROM schemas WHERE fingerprint = ?", fingerprint)
            if not rows:
                raise UndecodableEvent(
                    f"no schema has the fingerprint {fingerprint.hex()}",
                    where=str(self._path),
                    fix="let publishers and subscribers share the state folder",
                )
            self._known[fingerprint] = rows[0][0]
        return self._known[fingerprint]

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, statement: str, *values: object) -> list[tuple[str]]:
        try:
            if self._connection is None:
                self._connection = open_sqlite_file(self._path, _LAYOUT)
            return self._connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise translate_sqlite_error(error, self._path) from error

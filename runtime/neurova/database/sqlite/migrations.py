"""Run migrations on an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...errors import NeurovaError
from . import errors

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")


class SqliteMigrations:
    """Implement `MigrationBackend` for one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def read_revisions(self, tables: Iterable[str], timeout: float) -> dict[str, list[str]] | None:
        """Return the revisions in each version table, None for a missing file."""
        if not self._path.exists():
            return None
        uri = f"{self._path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=timeout)
        try:
            return {table: _read_table(connection, table) for table in tables}
        finally:
            connection.close()

    def read_version(self) -> str:
        """Return the product and version, like "SQLite 3.45.1"."""
        return f"SQLite {sqlite3.sqlite_version}"

    def current_revisions(self, connection: Connection, table: str) -> list[str]:
        """Return the revisions in a version table, over an open connection."""
        return _read_table(_driver(connection), table)

    def run_reading(self, work: Callable[[Connection], T], timeout: float) -> T:
        """Run `work`, which must only read; treat a missing file as an empty database."""
        if not self._path.exists():
            return self.run_on_empty(work)
        with _connect(self._path) as connection:
            _driver(connection).execute(f"PRAGMA busy_timeout = {int(timeout * 1000)}")
            return work(connection)

    def run_exclusively(self, work: Callable[[Connection], T], timeout: float) -> T:
        """Run `work` in one transaction under the file's write lock.

        Foreign keys are off, because alembic drops and re-creates tables to alter them.
        """
        with _connect(self._path) as connection:
            driver = _driver(connection)
            driver.execute(f"PRAGMA busy_timeout = {int(timeout * 1000)}")
            driver.execute("PRAGMA journal_mode = WAL")
            driver.execute("PRAGMA foreign_keys = OFF")
            driver.execute("BEGIN IMMEDIATE")
            result = work(connection)
            driver.execute("COMMIT")
            return result

    def run_on_empty(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on an empty database in memory."""
        with _connect(":memory:") as connection:
            return work(connection)

    def find_broken_reference(self, connection: Connection) -> str:
        """Return a description of a violated foreign key, "" if there is none."""
        row = _driver(connection).execute("PRAGMA foreign_key_check").fetchone()
        return "" if row is None else f"a row of {row[0]!r} refers to a row of {row[2]!r}"

    def translate(self, error: BaseException) -> NeurovaError | None:
        """Translate to a NeurovaError; return None for an error in the migration itself."""
        return errors.translate(error, self._path, readonly=False)


@contextmanager
def _connect(database: Path | str) -> Iterator[Connection]:
    """Open one connection that does not begin transactions itself."""
    from .connection import create_sqlite_engine

    with create_sqlite_engine(database).connect() as connection:
        # With AUTOCOMMIT this sends no BEGIN, but stops alembic from beginning a transaction.
        connection.begin()
        yield connection


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _read_table(connection: sqlite3.Connection, table: str) -> list[str]:
    exists = "SELECT count(*) FROM sqlite_schema WHERE name = ?"
    if not connection.execute(exists, (table,)).fetchone()[0]:
        return []
    rows = connection.execute(f"SELECT version_num FROM {table}")  # noqa: S608 - a constant
    return [str(row[0]) for row in rows]

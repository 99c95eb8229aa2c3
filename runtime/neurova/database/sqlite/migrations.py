"""What migrations need of an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...errors import NeurovaError
from . import errors as sqlite_errors

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")


def standing(database: Path, tables: Iterable[str], wait: float) -> dict[str, list[str]] | None:
    """Return the revisions that each of `tables` names; None for a file that is not there."""
    if not database.exists():
        return None
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=wait)
    try:
        return {table: _named(connection, table) for table in tables}
    finally:
        connection.close()


def product(database: Path) -> str:
    """Return SQLite and its version."""
    return f"SQLite {sqlite3.sqlite_version}"


def current(core: Connection, table: str) -> list[str]:
    """Return the revisions that a table of an open database names."""
    return _named(_driver(core), table)


def alone(database: Path, work: Callable[[Connection], T], wait: float) -> T:
    """Do `work` in one transaction that no other writer is beside of; waits seconds for its turn.

    Foreign keys are off meanwhile: to rebuild a table drops it for a moment.
    """
    with _connected(database) as core:
        driver = _driver(core)
        driver.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
        driver.execute("PRAGMA journal_mode = WAL")
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute("BEGIN IMMEDIATE")
        done = work(core)
        driver.execute("COMMIT")
        return done


def aside(database: Path, work: Callable[[Connection], T]) -> T:
    """Do `work` on an empty database that is gone afterwards."""
    with _connected(":memory:") as core:
        return work(core)


def broken(core: Connection) -> str:
    """Return which reference between rows does not hold, "" when all do."""
    row = _driver(core).execute("PRAGMA foreign_key_check").fetchone()
    return "" if row is None else f"a row of {row[0]!r} refers to a row of {row[2]!r}"


def translate(error: BaseException, database: Path) -> NeurovaError | None:
    """Return what `error` means for a person, None where it is a migration's own fault."""
    return sqlite_errors.translate(error, database, readonly=False)


@contextmanager
def _connected(database: Path | str) -> Iterator[Connection]:
    """Give one connection, which begins nothing itself."""
    from .connection import engine

    with engine(database).connect() as core:
        core.begin()  # in name only: alembic then leaves beginning and ending to us
        yield core


def _driver(core: Connection) -> sqlite3.Connection:
    driver = core.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _named(connection: sqlite3.Connection, table: str) -> list[str]:
    there = "SELECT count(*) FROM sqlite_schema WHERE name = ?"
    if not connection.execute(there, (table,)).fetchone()[0]:
        return []
    rows = connection.execute(f"SELECT version_num FROM {table}")  # noqa: S608 - our own
    return [str(row[0]) for row in rows]

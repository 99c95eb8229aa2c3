"""A service's migrations: where its database stands, bringing it up to date, a new revision.

A database has two lines of revisions, each with a table that says where it stands: the service's,
and the platform's own, for the tables that it keeps there (`nv_…`). The platform's run first.
Alembic runs them; it is imported only when there is something to run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from ..errors import StateError
from .revisions import Revisions
from .sqlite_errors import translate

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, MetaData

WAIT = 60  # seconds that an upgrade waits for one that another process has begun
PLATFORM = Path(__file__).parent / "platform_migrations"
# The tables that say where a line stands.
SERVICE_AT, PLATFORM_AT = "alembic_version", "nv_version"


class Status(msgspec.Struct, frozen=True):
    """State where a database is; `current` None before the first revision, `head` None without.

    Both are of the service's line; `pending` is what has to run, of both.
    """

    current: str | None
    head: str | None
    pending: tuple[str, ...]


def status(database: Path, folder: Path) -> Status:
    """Return where the SQLite file `database` stands; `folder` holds the service's revisions.

    Nothing is pending for a service that has neither. No file is made, alembic is not imported.
    Raises StateError, with the fix, for revisions that contradict each other, a database that is
    newer than they, and a file that is none.
    """
    if not database.exists():
        return _status(None, folder, database)
    try:
        connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
        try:
            return _status(connection, folder, database)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise translate(error, database, readonly=False) or error from None


def upgrade(database: Path, folder: Path) -> tuple[str, ...]:
    """Bring `database` to the newest revisions, the platform's too; return those that ran.

    All of them run in one transaction, or none: the database's own write lock makes processes
    that start together run each revision once. Raises StateError as `status`, and when the rows
    that result break a foreign key.
    """
    if not status(database, folder).pending:
        return ()
    return _upgrade(database, folder)


def upgrade_platform(database: Path) -> tuple[str, ...]:
    """Make the platform's tables in `database`, a file that may be new; return what ran.

    The service's revisions are left alone. Raises StateError as `upgrade`.
    """
    return _upgrade(database, None)


def _upgrade(database: Path, folder: Path | None) -> tuple[str, ...]:
    from sqlalchemy.exc import DBAPIError

    try:
        with _connected(database) as (driver, core):
            driver.execute(f"PRAGMA busy_timeout = {WAIT * 1000}")
            driver.execute("PRAGMA journal_mode = WAL")
            # Rebuilding a table drops it for a moment; whole references are checked at the end.
            driver.execute("PRAGMA foreign_keys = OFF")
            driver.execute("BEGIN IMMEDIATE")
            ran: tuple[str, ...] = ()
            for line, at in ((PLATFORM, PLATFORM_AT), (folder, SERVICE_AT)):
                pending = _line(driver, line, at, database).pending if line else ()
                if line and pending:
                    _run(core, line, at)
                ran += pending
            if ran:
                _check_references(driver)
            driver.execute("COMMIT")
            return ran
    except (sqlite3.Error, DBAPIError) as error:
        raise translate(error, database, readonly=False) or error from None
    except _Failed as failed:
        raise StateError(f"{database} was left as it was: {failed}") from failed.__cause__


def revision(folder: Path, message: str, metadata: MetaData | None = None) -> Path:
    """Write a new revision file into `folder` and return its path.

    With `metadata` it holds what the tables have over the revisions so far (found on an empty
    database in memory), without it is empty, to be filled in. Raises StateError as `status`.
    """
    from alembic import command

    revisions = Revisions(folder)
    revisions.head()
    name = f"{len(revisions) + 1:04}"
    if name in revisions:
        raise StateError(f"{folder} has {len(revisions)} files but a revision {name!r}: rename it")
    folder.mkdir(parents=True, exist_ok=True)
    with _connected(":memory:") as (_, core):
        if len(revisions):
            _run(core, folder, SERVICE_AT)
        config = _config(core, folder, SERVICE_AT)
        config.attributes["metadata"] = metadata
        made = command.revision(
            config,
            message,
            autogenerate=metadata is not None,
            rev_id=name,
            version_path=_literal(_places(folder)[-1]),
        )
    assert made is not None
    assert not isinstance(made, list)
    return Path(made.path)


def tables(domain: ModuleType) -> MetaData | None:
    """Return the MetaData that a service's `domain` module holds, None when it holds none."""
    from sqlalchemy import MetaData

    return next((value for value in vars(domain).values() if isinstance(value, MetaData)), None)


def _status(connection: sqlite3.Connection | None, folder: Path, database: Path) -> Status:
    """Return where an open database stands, None for one whose file is still to be made."""
    service = _line(connection, folder, SERVICE_AT, database)
    if connection is None and service.head is None:
        return service
    platform = _line(connection, PLATFORM, PLATFORM_AT, database)
    return Status(service.current, service.head, platform.pending + service.pending)


def _line(connection: sqlite3.Connection | None, folder: Path, at: str, database: Path) -> Status:
    revisions = _platform() if folder is PLATFORM else Revisions(folder)
    current = None if connection is None else _current(connection, at)
    if current is not None and current not in revisions:
        raise StateError(
            f"{database} is at revision {current!r}, which {revisions.folder} does not have: it "
            "is newer than this code, so deploy the code that made it or restore a backup"
        )
    return Status(current, revisions.head(), revisions.after(current))


class _Failed(Exception):
    """Told on as a StateError that names the database."""


@cache
def _platform() -> Revisions:
    return Revisions(PLATFORM)


def _current(connection: sqlite3.Connection, at: str) -> str | None:
    """Return the revision that the table `at` of an open database names."""
    named = "SELECT count(*) FROM sqlite_schema WHERE name = ?"
    if not connection.execute(named, (at,)).fetchone()[0]:
        return None
    rows = connection.execute(f"SELECT version_num FROM {at}").fetchall()  # noqa: S608 - our own
    return str(rows[0][0]) if rows else None


@contextmanager
def _connected(database: Path | str) -> Iterator[tuple[sqlite3.Connection, Connection]]:
    """Give one connection, as the driver's and as SQLAlchemy's, which begins nothing itself."""
    from .sqlite_connection import engine

    with engine(database).connect() as core:
        driver = core.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        core.begin()  # in name only: alembic then leaves beginning and ending to us
        yield driver, core


def _config(core: Connection, folder: Path, at: str) -> Config:
    """Return alembic's configuration for one connection; the folder needs no file for it."""
    from argparse import Namespace

    from alembic.config import Config

    config = Config(cmd_opts=Namespace(quiet=True))
    here = Path(__file__).parent / "alembic_environment"
    config.set_main_option("script_location", _literal(here))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(_literal, _places(folder))))
    config.attributes["connection"] = core
    config.attributes["version_table"] = at
    return config


def _places(folder: Path) -> list[Path]:
    """Return where revision files lie; new ones go to the last."""
    versions = folder / "versions"
    return [folder, versions] if versions.is_dir() else [folder]


def _literal(path: Path) -> str:
    return str(path.resolve()).replace("%", "%%")


def _run(core: Connection, folder: Path, at: str) -> None:
    """Run all pending revisions of a line within the transaction that the connection is in."""
    from alembic import command
    from sqlalchemy.exc import SQLAlchemyError

    try:
        command.upgrade(_config(core, folder, at), "head")
    except SQLAlchemyError as error:
        raise _Failed(f"a migration in {folder} failed: {error}") from error


def _check_references(driver: sqlite3.Connection) -> None:
    broken = driver.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise _Failed(
            f"after the migrations a row of {broken[0]!r} refers to a row of {broken[2]!r} that "
            "is not there: mend the migration"
        )

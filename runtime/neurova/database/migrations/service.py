"""A service's migrations: where its database stands, bringing it up to date, a new revision.

A database has two lines of revisions, each with a table that says where it stands: the service's,
and the platform's own, for the tables that it keeps there (`nv_…`). The platform's run first.
Alembic runs them; it is imported only when there is something to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import msgspec

from ...errors import NeurovaError, StateError
from ..postgres.url import PostgresUrl
from .revisions import Revisions

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, MetaData

T = TypeVar("T")
Place = Path | PostgresUrl
WAIT = 60.0  # seconds that an upgrade waits for one that another process has begun
LOOK = 10.0  # seconds for a look at where a database stands
MEMORY = Path(":memory:")
PLATFORM = Path(__file__).parent / "platform"
# The tables that say where a line stands.
SERVICE_AT, PLATFORM_AT = "alembic_version", "nv_version"


class Status(msgspec.Struct, frozen=True):
    """State where a database is; `current` None before the first revision, `head` None without.

    Both are of the service's line; `pending` is what has to run, of both.
    """

    current: str | None
    head: str | None
    pending: tuple[str, ...]


class Backend(Protocol):
    """What a kind of database does for its migrations; `wait` is in seconds."""

    def standing(
        self, database: Any, tables: Iterable[str], wait: float
    ) -> dict[str, list[str]] | None:
        """Return the revisions that each table names; None for a database still to be made."""
        ...

    def product(self, database: Any) -> str:
        """Return what keeps the database and its version."""
        ...

    def current(self, core: Connection, table: str) -> list[str]:
        """Return the revisions that a table of an open database names."""
        ...

    def alone(self, database: Any, work: Callable[[Connection], T], wait: float) -> T:
        """Do `work` in one transaction that no other upgrade is beside of."""
        ...

    def aside(self, database: Any, work: Callable[[Connection], T]) -> T:
        """Do `work` where the database is empty; nothing of it lasts."""
        ...

    def broken(self, core: Connection) -> str:
        """Return which reference between rows does not hold, "" when all do."""
        ...

    def translate(self, error: BaseException, database: Any) -> NeurovaError | None:
        """Return what an error means for a person, None where it is a migration's own fault."""
        ...


def status(database: Place, folder: Path) -> Status:
    """Return where `database` stands, a file or a URL; `folder` holds the service's revisions.

    Nothing is pending for a service that has neither. No file is made, alembic is not imported.
    Raises StateError, with the fix, for revisions that contradict each other, a database that is
    newer than they, half migrated or none, and Unavailable for one that does not answer.
    """
    backend = _backend(database)
    try:
        found = backend.standing(database, (SERVICE_AT, PLATFORM_AT), LOOK)
    except Exception as error:
        raise backend.translate(error, database) or error from None
    service = _line(found[SERVICE_AT] if found else [], folder, database)
    if found is None and service.head is None:
        return service
    platform = _line(found[PLATFORM_AT] if found else [], PLATFORM, database)
    return Status(service.current, service.head, platform.pending + service.pending)


def product(database: Place) -> str:
    """Return what keeps a database and its version, as "PostgreSQL 15.4"."""
    backend = _backend(database)
    try:
        return backend.product(database)
    except Exception as error:
        raise backend.translate(error, database) or error from None


def upgrade(database: Place, folder: Path) -> tuple[str, ...]:
    """Bring `database` to the newest revisions, the platform's too; return those that ran.

    All of them run in one transaction, or none, and under a lock: processes that start together
    run each revision once. Raises StateError as `status`, and when the rows that result break a
    foreign key.
    """
    if not status(database, folder).pending:
        return ()
    return _upgrade(database, folder)


def upgrade_platform(database: Place) -> tuple[str, ...]:
    """Make the platform's tables in `database`, a file that may be new; return what ran.

    The service's revisions are left alone. Raises StateError as `upgrade`.
    """
    return _upgrade(database, None)


def _upgrade(database: Place, folder: Path | None) -> tuple[str, ...]:
    backend = _backend(database)

    def work(core: Connection) -> tuple[str, ...]:
        ran: tuple[str, ...] = ()
        for line, at in ((PLATFORM, PLATFORM_AT), (folder, SERVICE_AT)):
            pending = _line(backend.current(core, at), line, database).pending if line else ()
            if line and pending:
                _run(core, line, at)
            ran += pending
        wrong = backend.broken(core) if ran else ""
        if wrong:
            raise _Failed(f"after the migrations {wrong} that is not there: mend the migration")
        return ran

    try:
        return backend.alone(database, work, WAIT)
    except _Failed as failed:
        cause = failed.__cause__
        meant = backend.translate(cause, database) if cause is not None else None
        raise meant or StateError(f"{database} was left as it was: {failed}") from cause
    except NeurovaError:
        raise
    except Exception as error:
        raise backend.translate(error, database) or error from None


def _backend(database: Place) -> Backend:
    if isinstance(database, PostgresUrl):
        from ..postgres import migrations as postgres_migrations

        return cast(Backend, postgres_migrations)
    from ..sqlite import migrations as sqlite_migrations

    return cast(Backend, sqlite_migrations)


def revision(
    folder: Path, message: str, metadata: MetaData | None = None, database: Place = MEMORY
) -> Path:
    """Write a new revision file into `folder` and return its path.

    With `metadata` it holds what the tables have over the revisions so far, found on an empty
    database of the kind of `database`; without it is empty, to be filled in. Raises StateError as
    `status`.
    """
    from alembic import command

    revisions = Revisions(folder)
    revisions.head()
    name = f"{len(revisions) + 1:04}"
    if name in revisions:
        raise StateError(f"{folder} has {len(revisions)} files but a revision {name!r}: rename it")
    folder.mkdir(parents=True, exist_ok=True)

    def work(core: Connection) -> Path:
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

    backend = _backend(database)
    try:
        return backend.aside(database, work)
    except NeurovaError:
        raise
    except Exception as error:
        raise backend.translate(error, database) or error from None


def tables(domain: ModuleType) -> MetaData | None:
    """Return the MetaData that a service's `domain` module holds, None when it holds none."""
    from sqlalchemy import MetaData

    return next((value for value in vars(domain).values() if isinstance(value, MetaData)), None)


def _line(named: list[str], folder: Path, database: Place) -> Status:
    """Return where one line of revisions stands, of which the database names these."""
    revisions = _platform() if folder is PLATFORM else Revisions(folder)
    if len(named) > 1:
        raise StateError(
            f"{database} is half migrated: it names {' and '.join(map(repr, sorted(named)))} at "
            "once; restore a backup, or leave in its table of versions the one that is true"
        )
    current = named[0] if named else None
    if current is not None and current not in revisions:
        raise StateError(
            f"{database} is at revision {current!r}, which {revisions.folder} does not have: it "
            "is newer than this code, so deploy the code that made it or restore a backup"
        )
    return Status(current, revisions.head(), revisions.after(current))


class _Failed(StateError):
    """Told on as a StateError that names the database."""


@cache
def _platform() -> Revisions:
    return Revisions(PLATFORM)


def _config(core: Connection, folder: Path, at: str) -> Config:
    """Return alembic's configuration for one connection; the folder needs no file for it."""
    from argparse import Namespace

    from alembic.config import Config

    config = Config(cmd_opts=Namespace(quiet=True))
    here = Path(__file__).parent / "environment"
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

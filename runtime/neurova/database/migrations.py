"""Check, run and write the migrations of a service, for any database."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import StateError
from .postgres.url import PostgresUrl
from .revisions.backend import MigrationBackend
from .revisions.upgrade import (
    Status,
    create_revision,
    read_differences,
    read_status,
    read_version,
    run_pending,
)

if TYPE_CHECKING:
    from sqlalchemy import MetaData

Location = Path | PostgresUrl
IN_MEMORY = Path(":memory:")


class PendingMigrations(StateError):
    """The database has pending revisions."""


def status(database: Location, folder: Path) -> Status:
    """Return the status of `database`; `folder` contains the service's revisions."""
    return read_status(_backend(database), folder)


def check(database: Location, folder: Path) -> Status:
    """Return the status of `database`, and require that the service's revisions have run.

    Raises PendingMigrations if revisions in `folder` are pending. Pending revisions of the platform
    are not an error: each start runs them without asking the operator.
    """
    found = status(database, folder)
    if found.is_behind:
        names = ", ".join(found.pending)
        raise PendingMigrations(
            f"the database is behind by {len(found.pending)} revision(s): {names}",
            where=str(database),
            fix=f"run `neurova db upgrade {folder.parent.name}`",
        )
    return found


def differences(database: Location, domain: ModuleType | None) -> tuple[str, ...]:
    """List the differences between `database` and `domain` that would make statements fail."""
    metadata = None if domain is None else tables(domain)
    if metadata is None or not metadata.tables:
        return ()
    return read_differences(_backend(database), metadata)


def product(database: Location) -> str:
    """Return the product and version of a database, like "PostgreSQL 15.4"."""
    return read_version(_backend(database))


def upgrade(database: Location, folder: Path) -> tuple[str, ...]:
    """Run the pending revisions of `database` and return their names; see `run_pending`."""
    backend = _backend(database)
    return run_pending(backend, folder) if read_status(backend, folder).pending else ()


def upgrade_platform(database: Location) -> tuple[str, ...]:
    """Run only the platform's pending revisions and return their names; create a missing file."""
    return run_pending(_backend(database), None)


def revision(
    folder: Path, message: str, metadata: MetaData | None = None, database: Location = IN_MEMORY
) -> Path:
    """Write a new revision file; see `create_revision`. `database` determines the SQL dialect."""
    return create_revision(_backend(database), folder, message, metadata)


def tables(domain: ModuleType) -> MetaData | None:
    """Return the MetaData in a service's `domain` module, None if it has none."""
    if "sqlalchemy" not in sys.modules:  # so `domain` has no MetaData; avoid the slow import
        return None
    from sqlalchemy import MetaData

    return next((value for value in vars(domain).values() if isinstance(value, MetaData)), None)


def _backend(database: Location) -> MigrationBackend:
    if isinstance(database, PostgresUrl):
        from .postgres.migrations import PostgresMigrations

        return PostgresMigrations(database)
    from .sqlite.migrations import SqliteMigrations

    return SqliteMigrations(database)

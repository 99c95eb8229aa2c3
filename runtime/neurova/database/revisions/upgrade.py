"""Compare a database with its revisions, and upgrade it.

A database has two sequences of revisions, each with its own version table: the revisions of the
platform for its tables (`nv_…`), which run first, and the revisions of the service.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ...errors import NeurovaError, StateError
from .alembic_runner import RevisionFailed, run_revisions, write_revision
from .backend import MigrationBackend
from .differences import find_differences
from .files import Revisions

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

UPGRADE_TIMEOUT = 60.0  # seconds to wait for the upgrade of another process
READ_TIMEOUT = 10.0
PLATFORM_FOLDER = Path(__file__).parent / "platform"
SERVICE_TABLE, PLATFORM_TABLE = "alembic_version", "nv_version"


class Status(msgspec.Struct, frozen=True):
    """The service's `current` and newest (`head`) revision in a database, None if there is none.

    `pending` are the revisions of the platform and the service that must run.
    """

    current: str | None
    head: str | None
    pending: tuple[str, ...]

    @property
    def is_behind(self) -> bool:
        """Return whether the service has pending revisions; each start runs the platform's."""
        return self.current != self.head


def read_status(backend: MigrationBackend, folder: Path) -> Status:
    """Return the status of a database, without creating a file or importing alembic.

    Nothing is pending if neither the database file nor a revision in `folder` exists. Raises
    StateError if the revisions are inconsistent, or if the database is newer, half migrated or
    unusable; Unavailable if it does not answer.
    """
    with _translated(backend):
        found = backend.read_revisions((SERVICE_TABLE, PLATFORM_TABLE), READ_TIMEOUT)
    service = _compare(found[SERVICE_TABLE] if found else [], folder, backend)
    if found is None and service.head is None:
        return service
    platform = _compare(found[PLATFORM_TABLE] if found else [], PLATFORM_FOLDER, backend)
    return Status(service.current, service.head, platform.pending + service.pending)


def read_differences(backend: MigrationBackend, metadata: MetaData) -> tuple[str, ...]:
    """List differences that would make statements fail; see `find_differences`."""

    def find(connection: Connection) -> tuple[str, ...]:
        return tuple(find_differences(connection, metadata))

    with _translated(backend):
        return backend.run_reading(find, READ_TIMEOUT)


def read_version(backend: MigrationBackend) -> str:
    """Return the database's product and version, like "PostgreSQL 15.4"."""
    with _translated(backend):
        return backend.read_version()


def run_pending(backend: MigrationBackend, folder: Path | None) -> tuple[str, ...]:
    """Run all pending revisions, first the platform's, then the service's; return their names.

    `folder` contains the service's revisions. All run in one transaction under a lock, so
    concurrent processes run each revision once. Raises StateError like `read_status`, and if a
    foreign key is violated at the end.
    """

    def run(connection: Connection) -> tuple[str, ...]:
        names: tuple[str, ...] = ()
        for revisions, table in ((PLATFORM_FOLDER, PLATFORM_TABLE), (folder, SERVICE_TABLE)):
            if revisions is not None:
                current = backend.current_revisions(connection, table)
                pending = _compare(current, revisions, backend).pending
                if pending:
                    run_revisions(connection, revisions, table)
                names += pending
        broken = backend.find_broken_reference(connection) if names else ""
        if broken:
            raise RevisionFailed(
                f"the migrations left a broken foreign key: {broken}, which is missing"
            )
        return names

    with _translated(backend):
        try:
            return backend.run_exclusively(run, UPGRADE_TIMEOUT)
        except RevisionFailed as error:
            cause = error.__cause__
            translated = backend.translate(cause) if cause is not None else None
            raise translated or StateError(
                f"{error.what}; nothing was changed",
                where=str(backend),
                fix="fix the migration",
            ) from cause


def create_revision(
    backend: MigrationBackend, folder: Path, message: str, metadata: MetaData | None
) -> Path:
    """Write a new revision file into `folder` and return its path.

    The revision upgrades a database from the existing revisions to `metadata`; without `metadata`
    it is empty. Raises StateError like `read_status`.
    """
    revisions = Revisions(folder)
    revisions.head()
    name = f"{len(revisions) + 1:04}"
    if name in revisions:
        raise StateError(
            f"the next name of a revision is {name!r}, but a revision has this name",
            where=str(folder),
            fix=f"rename revision {name!r} and its file",
        )
    folder.mkdir(parents=True, exist_ok=True)

    def write(connection: Connection) -> Path:
        if len(revisions):
            run_revisions(connection, folder, SERVICE_TABLE)
        return write_revision(connection, folder, SERVICE_TABLE, name, message, metadata)

    with _translated(backend):
        return backend.run_on_empty(write)


def _compare(current: list[str], folder: Path, backend: MigrationBackend) -> Status:
    """Return the status of one sequence of revisions; its version table contains `current`."""
    revisions = _platform_revisions() if folder is PLATFORM_FOLDER else Revisions(folder)
    if len(current) > 1:
        names = " and ".join(map(repr, sorted(current)))
        raise StateError(
            f"the database is half migrated, its version table contains {names}",
            where=str(backend),
            fix="restore a backup, or delete the wrong revision from the version table",
        )
    revision = current[0] if current else None
    if revision is not None and revision not in revisions:
        raise StateError(
            f"the database is newer than this code: {revisions.folder} lacks revision {revision!r}",
            where=str(backend),
            fix="deploy the newer code or restore a backup",
        )
    return Status(revision, revisions.head(), revisions.after(revision))


@cache
def _platform_revisions() -> Revisions:
    return Revisions(PLATFORM_FOLDER)


@contextmanager
def _translated(backend: MigrationBackend) -> Iterator[None]:
    try:
        yield
    except NeurovaError:
        raise
    except Exception as error:
        raise backend.translate(error) or error from None

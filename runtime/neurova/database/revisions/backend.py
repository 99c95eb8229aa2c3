"""The interface that a database implements for migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from ...errors import NeurovaError

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")


class MigrationBackend(Protocol):
    """One database to migrate; `str()` returns its location. Timeouts are in seconds.

    Methods raise the driver's errors; `translate` converts them.
    """

    def read_revisions(self, tables: Iterable[str], timeout: float) -> dict[str, list[str]] | None:
        """Return the revisions in each version table, None for a missing SQLite file."""
        ...

    def read_version(self) -> str:
        """Return the database's product and version, like "PostgreSQL 15.4"."""
        ...

    def current_revisions(self, connection: Connection, table: str) -> list[str]:
        """Return the revisions in a version table, over an open connection."""
        ...

    def run_reading(self, work: Callable[[Connection], T], timeout: float) -> T:
        """Run `work`, which must only read; treat a missing SQLite file as an empty database."""
        ...

    def run_exclusively(self, work: Callable[[Connection], T], timeout: float) -> T:
        """Run `work` in one transaction, under a lock that excludes upgrades by other processes."""
        ...

    def run_on_empty(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on an empty database or schema that is dropped afterwards."""
        ...

    def find_broken_reference(self, connection: Connection) -> str:
        """Return a description of a violated foreign key, "" if there is none."""
        ...

    def translate(self, error: BaseException) -> NeurovaError | None:
        """Translate to a NeurovaError; return None for an error in the migration itself."""
        ...

"""The database backends: open a service's database from its settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neurova.database import migrations
from neurova.database.base import Database
from neurova.database.postgres.url import PostgresUrl
from neurova.settings.project import Service

Clock = Callable[[], float]


def open_sqlite(file: Path, options: Service, service: str, clock: Clock) -> Database:
    """Return the database in a SQLite file; the first statement opens the file."""
    from neurova.database.sqlite.database import SqliteDatabase

    return SqliteDatabase(file, clock)


def open_postgres(url: PostgresUrl, options: Service, service: str, clock: Clock) -> Database:
    """Return the database at a PostgreSQL URL; the first statement connects."""
    from neurova.database.postgres.database import PostgresDatabase

    return PostgresDatabase(url, options.connections, f"neurova {service}", clock)


def check_database(location: Path | PostgresUrl) -> str:
    """Return the product and version of a database, like "PostgreSQL 15.4". Raises NeurovaError."""
    return migrations.product(location)

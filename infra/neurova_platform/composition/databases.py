"""Open the databases of services, and check them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from neurova.database import migrations
from neurova.database.base import Database
from neurova.database.postgres.url import PostgresUrl
from neurova.settings.project import Service
from neurova.settings.settings import Settings

from .locations import DatabaseLocations

Clock = Callable[[], float]


class ServiceDatabases:
    """Hold the databases of a project's services; open each once, on first use."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.locations = DatabaseLocations(settings)
        self._clock = clock
        self._opened: dict[str, Database] = {}

    def get(self, service: str) -> Database:
        """Return the database of a service."""
        if service not in self._opened:
            from .backends import open_database

            self._opened[service] = open_database(self.locations, service, self._clock)
        return self._opened[service]

    async def close(self) -> None:
        """Wait for open transactions and close all connections."""
        for database in self._opened.values():
            await database.close()
        self._opened.clear()
        await asyncio.to_thread(self.locations.close)


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

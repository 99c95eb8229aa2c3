"""Find the database location of each service, with credentials leased from Vault if configured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from neurova.database.postgres.url import PostgresUrl
from neurova.settings.project import Service
from neurova.settings.settings import Settings

if TYPE_CHECKING:
    from neurova.leases.keeper import LeasedCredentials
    from neurova.telemetry.readings import Reading

Location = Path | PostgresUrl


class DatabaseLocations:
    """Hold the database locations of a project; lease each service's credentials on first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._credentials: dict[str, LeasedCredentials] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, service: str) -> Location:
        """Return the file or the URL of a service's database."""
        location = self.settings.database(service)
        path = self.settings.services.get(service, Service()).credentials
        if not path or not isinstance(location, PostgresUrl):
            return location
        if service not in self._credentials:
            from neurova.leases.vault import open_credentials

            self._credentials[service] = open_credentials(self.settings.secrets, service, path)
        return PostgresUrl(location.dsn, self._credentials[service])

    def readings(self) -> Iterator[Reading]:
        """Yield the readings about credentials for /metrics."""
        for credentials in list(self._credentials.values()):
            yield from credentials.readings()

    def close(self) -> None:
        """Revoke the credentials; close all connections that use them first."""
        while self._credentials:
            self._credentials.popitem()[1].close()

"""The databases of a test: migrated and empty, copied from a template."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import msgspec

from neurova.database.postgres.url import PostgresUrl, is_postgres
from neurova.errors import Unavailable
from neurova.files.private import read_private_file, write_private_file
from neurova.settings.project import Service
from neurova.settings.settings import Settings

_VARIABLE = re.compile(r"NEUROVA_SERVICES_[A-Z0-9_]+_DATABASE")


def postgres_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that configure a PostgreSQL database for a service."""
    return {
        name: value
        for name, value in environ.items()
        if _VARIABLE.fullmatch(name) and is_postgres(value)
    }


class Databases:
    """Create the databases of one test from the migrated templates in `folder`.

    A service with a PostgreSQL URL gets a new database on the same server; its configured database
    is never changed. All other services get a SQLite file in the test's state folder.
    """

    def __init__(self, folder: Path, services: Mapping[str, Service]) -> None:
        self._folder = folder
        self._services = {
            name: service for name, service in services.items() if is_postgres(service.database)
        }
        self._names = {name: _random_name() for name in self._services}
        self._created: list[str] = []

    def services(self) -> dict[str, Service]:
        """Return the test's settings of the services on PostgreSQL."""
        return {
            name: msgspec.structs.replace(
                service, database=self._url(name, self._names[name]).dsn, credentials=""
            )
            for name, service in self._services.items()
        }

    def restore(self, settings: Settings) -> None:
        """Create the test's databases; copy the templates that an earlier test saved."""
        for file in self._folder.glob("*.db"):
            if file.stem not in self._services:
                shutil.copy(file, settings.state / file.name)
        for service, name in self._names.items():
            template = read_private_file(self._template(service))
            clause = f" TEMPLATE {PostgresUrl(template).database}" if template else ""
            _execute(self._url(service), f"CREATE DATABASE {name}{clause}")
            self._created.append(service)

    def save(self, settings: Settings, services: Iterable[str]) -> None:
        """Save the databases of a platform that has just started and migrated them as templates."""
        self._folder.mkdir(exist_ok=True)
        for service in services:
            database = settings.database(service)
            if isinstance(database, PostgresUrl):
                if not self._template(service).exists():
                    template = self._url(service, _random_name())
                    create = f"CREATE DATABASE {template.database} TEMPLATE {database.database}"
                    _execute(self._url(service), create)
                    write_private_file(self._template(service), template.dsn)
            elif database.exists() and not (self._folder / database.name).exists():
                shutil.copy(database, self._folder / database.name)

    def drop(self) -> None:
        """Drop the test's databases on PostgreSQL."""
        while self._created:
            service = self._created.pop()
            _execute(self._url(service), f"DROP DATABASE {self._names[service]} WITH (FORCE)")

    def _template(self, service: str) -> Path:
        return self._folder / f"{service}.template"

    def _url(self, service: str, name: str = "") -> PostgresUrl:
        url = PostgresUrl(self._services[service].database)
        return url.with_database(name) if name else url


def drop_templates(folder: Path) -> None:
    """Drop the templates that `Databases.save` created on PostgreSQL servers."""
    for file in folder.glob("*.template"):
        template = PostgresUrl(file.read_text())
        with suppress(Unavailable):
            url = template.with_database("postgres")
            _execute(url, f"DROP DATABASE {template.database} WITH (FORCE)")
        file.unlink()


def _random_name() -> str:
    return f"nv_test_{token_hex(6)}"


def _execute(url: PostgresUrl, statement: str) -> None:
    from neurova.database.postgres.migrations import execute

    execute(url, statement)

"""The databases of a test: its own, empty but for what migrations put in, made quickly."""

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


def on_postgres(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that put a service's database on PostgreSQL."""
    return {
        name: value
        for name, value in environ.items()
        if _VARIABLE.fullmatch(name) and is_postgres(value)
    }


class Databases:
    """Give one test its databases, copied from those that `folder` knows to be migrated.

    A service of `services` on PostgreSQL has a database beside the one that is named, which
    itself is never changed; all others have a file in the test's state folder.
    """

    def __init__(self, folder: Path, services: Mapping[str, Service]) -> None:
        self._folder = folder
        self._services = {
            name: service for name, service in services.items() if is_postgres(service.database)
        }
        self._named = {name: f"nv_test_{token_hex(6)}" for name in self._services}
        self._made: list[str] = []

    def fresh(self) -> dict[str, Service]:
        """Return the services as they are in the test."""
        return {
            name: msgspec.structs.replace(service, database=self._url(name, self._named[name]).dsn)
            for name, service in self._services.items()
        }

    def borrow(self, settings: Settings) -> None:
        """Begin with the databases that an earlier test has had migrated."""
        for file in self._folder.glob("*.db"):
            if file.stem not in self._services:
                shutil.copy(file, settings.state / file.name)
        for service, name in self._named.items():
            template = self._template(service)
            kept = read_private_file(template)
            copied = f" TEMPLATE {PostgresUrl(kept).database}" if kept else ""
            _run(self._url(service), f"CREATE DATABASE {name}{copied}")
            self._made.append(service)

    def lend(self, settings: Settings, services: Iterable[str]) -> None:
        """Keep the databases of a platform that has just started for later tests."""
        for service in services:
            database = settings.database(service)
            if isinstance(database, PostgresUrl):
                if not self._template(service).exists():
                    kept = self._url(service, f"nv_test_{token_hex(6)}")
                    made = f"CREATE DATABASE {kept.database} TEMPLATE {database.database}"
                    _run(self._url(service), made)
                    write_private_file(self._template(service), kept.dsn)
            elif database.exists() and not (self._folder / database.name).exists():
                shutil.copy(database, self._folder / database.name)

    def drop(self) -> None:
        """Leave nothing of the test's on a server."""
        while self._made:
            service = self._made.pop()
            _run(self._url(service), f"DROP DATABASE {self._named[service]} WITH (FORCE)")

    def _template(self, service: str) -> Path:
        return self._folder / f"{service}.template"

    def _url(self, service: str, name: str = "") -> PostgresUrl:
        url = PostgresUrl(self._services[service].database)
        return url.named(name) if name else url


def forget(folder: Path) -> None:
    """Drop what `lend` has kept on servers, those that are still there."""
    for file in folder.glob("*.template"):
        kept = PostgresUrl(file.read_text())
        with suppress(Unavailable):
            _run(kept.named("postgres"), f"DROP DATABASE {kept.database} WITH (FORCE)")
        file.unlink()


def _run(url: PostgresUrl, statement: str) -> None:
    from neurova.database.postgres.migrations import run

    run(url, statement)

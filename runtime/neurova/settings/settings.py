"""All settings of a project as one frozen object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ..database.postgres.url import PostgresUrl, is_postgres
from .gateway import Admin, Gateway
from .project import Openapi, Project, Service
from .runtime import Runtime


class Value(msgspec.Struct, frozen=True):
    """One setting in force and where it comes from."""

    key: str
    value: Any
    origin: str


class Sections(msgspec.Struct, frozen=True):
    """List the sections of neurova.toml whose keys are fixed."""

    project: Project = Project()
    gateway: Gateway = Gateway()
    runtime: Runtime = Runtime()
    openapi: Openapi = Openapi()
    admin: Admin = Admin()


class Settings(Sections, frozen=True, kw_only=True):
    """Hold all validated settings; paths are absolute.

    `origins` maps each dotted key that is not at its default to where its value was set.
    """

    root: Path
    services: dict[str, Service]
    origins: dict[str, str]

    @property
    def functions(self) -> Path:
        """Return the folder of the services."""
        return Path(self.project.functions)

    @property
    def state(self) -> Path:
        """Return the folder that holds keys, limits and databases."""
        return Path(self.project.state)

    def database(self, service: str) -> Path | PostgresUrl:
        """Return the database of a service: its file, or its URL."""
        location = self.services.get(service, Service()).database
        if is_postgres(location):
            return PostgresUrl(location)
        return Path(location) if location else self.state / f"{service}.db"

"""All settings of a project as one frozen object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ..database.postgres.url import PostgresUrl, is_postgres
from .bus import Bus
from .deploy import Deploy
from .gateway import Admin, Gateway
from .logs import Logs
from .mail import Mail
from .models import Models
from .plans import Plan
from .project import Openapi, Project, Service
from .runtime import Runtime
from .schemas import Schemas
from .secrets import Secrets
from .section import Section
from .site import Site
from .traces import Traces
from .warehouse import Warehouse


class Value(Section, frozen=True):
    """One effective setting and where it was set."""

    key: str
    value: Any
    origin: str


class Sections(Section, frozen=True):
    """The sections of neurova.toml with a fixed set of keys."""

    project: Project = Project()
    gateway: Gateway = Gateway()
    runtime: Runtime = Runtime()
    openapi: Openapi = Openapi()
    site: Site = Site()
    admin: Admin = Admin()
    bus: Bus = Bus()
    mail: Mail = Mail()
    schemas: Schemas = Schemas()
    traces: Traces = Traces()
    secrets: Secrets = Secrets()
    logs: Logs = Logs()
    models: Models = Models()
    warehouse: Warehouse = Warehouse()


class Settings(Sections, frozen=True, kw_only=True):
    """All validated settings; paths are absolute.

    `origins` maps the dotted key of each non-default setting to where it was set, `references` the
    key of each setting whose value is a secret to that secret, like "db#url".
    """

    root: Path
    services: dict[str, Service]
    plans: dict[str, Plan]
    deploy: dict[str, Deploy]
    origins: dict[str, str]
    references: dict[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Settings of {self.root}>"  # the values may hold passwords

    @property
    def functions(self) -> Path:
        """Return the folder of the services."""
        return Path(self.project.functions)

    @property
    def state(self) -> Path:
        """Return the folder that holds keys, limits and databases."""
        return Path(self.project.state)

    @property
    def bus_location(self) -> Path | str:
        """Return the file or the URL of the bus."""
        return self.bus.url or self.state / "bus.db"

    @property
    def mail_location(self) -> Path | str:
        """Return the folder of mails, or the URL of the mail server."""
        return self.mail.url or self.state / "mail"

    @property
    def schemas_location(self) -> Path | str:
        """Return the file or the URL of the registry of schemas."""
        return self.schemas.url or self.state / "registry.db"

    @property
    def secrets_location(self) -> Path | str:
        """Return the encrypted file or the URL of the store of secrets."""
        return self.secrets.url or self.state / "secrets.encrypted"

    @property
    def log_file(self) -> Path:
        """Return the file of log lines; others in its folder begin with its name."""
        return self.state / "logs" / "neurova.jsonl"

    @property
    def models_location(self) -> Path | str:
        """Return the file or the URL of the registry of models."""
        return self.models.url or self.state / "models" / "mlflow.db"

    @property
    def warehouse_location(self) -> Path | str:
        """Return the file or the URL of the warehouse."""
        return self.warehouse.url or self.state / "warehouse" / "warehouse.duckdb"

    @property
    def warehouse_dialect(self) -> str:
        """Return the SQL dialect of the warehouse."""
        return "clickhouse" if self.warehouse.url else "duckdb"

    @property
    def reports(self) -> Path:
        """Return the folder of saved reports."""
        return Path(self.warehouse.reports)

    @property
    def warehouse_archive(self) -> Path:
        """Return the folder of the warehouse's archive."""
        return Path(self.warehouse.archive or self.state / "warehouse" / "archive")

    @property
    def traces_location(self) -> Path | str:
        """Return the file of traces, or the URL of the collector."""
        return self.traces.url or self.state / "traces.db"

    def database(self, service: str) -> Path | PostgresUrl:
        """Return the file or the URL of a service's database."""
        location = self.services.get(service, Service()).database
        if is_postgres(location):
            return PostgresUrl(location)
        return Path(location) if location else self.state / f"{service}.db"

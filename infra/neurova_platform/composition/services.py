"""Load a service of a project with its resources, and upgrade or check its database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from neurova.execution.context import ExecutionContext
from neurova.loading import loader
from neurova.loading.service import Service
from neurova.models.pool import ModelPool
from neurova.resources import Resources
from neurova.secrets.cache import SecretCache
from neurova.secrets.secret import Secret
from neurova.settings.settings import Settings
from neurova.telemetry.log import STANDARD_LOGGING, LogSink

from . import backends, state
from .databases import ServiceDatabases
from .http_clients import HttpClients

if TYPE_CHECKING:  # slow to import, and few functions send mails
    from neurova.mail.base import Mail


def load_service(
    settings: Settings,
    name: str,
    databases: ServiceDatabases,
    secrets: SecretCache,
    models: ModelPool,
    execution: ExecutionContext,
    clients: HttpClients,
    *,
    log: LogSink = STANDARD_LOGGING,
    migrate: bool = False,
    check_tables: bool = True,
) -> Service:
    """Import a service.

    `log` receives the log lines of its functions. `migrate`: run its pending migrations first.
    `check_tables`: raise StateError if its database lacks a table or column that its domain.py
    declares. Raises LoadError, and StateError if its database is not up to date or one of its
    secrets is not set.
    """
    if migrate:
        state.migrate(databases.locations, name)
    else:
        state.require_migrated(databases.locations, name)
    names: list[str] = []

    def find_secret(name: str, function: str) -> Callable[[], Secret]:
        names.append(name)
        return secrets.source(name, function)

    resources = Resources(
        database=lambda: databases.get(name),
        mail=lambda reference: _mail(settings, reference),
        secret=find_secret,
        log=log,
        model=models.source,
        http_client=clients.get,
    )
    service = loader.load_service(settings.functions, name, resources, execution)
    secrets.load(names)
    if service.publishes or service.subscriptions or service.schedules:
        state.ensure_database(databases.locations, name)
    if check_tables:
        state.require_tables(databases.locations, name, service.domain)
    return service


def _mail(settings: Settings, reference: str) -> Mail:
    from neurova.mail.base import Mail

    return Mail(backends.open_mailer(settings), settings.mail.sender, reference)

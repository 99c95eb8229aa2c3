"""The table of all backends.

The outer key is the kind of backend (database, keys, limits, bus, …), the inner key is the scheme
of its URL. A row names functions as "module:name"; the module is imported on first use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from neurova.errors import ConfigError
from neurova.settings.project import Service
from neurova.settings.settings import Settings
from neurova_gateway.keys.base import KeyStore
from neurova_gateway.keys.factory import key_store_url
from neurova_gateway.limits.base import Limiter
from neurova_gateway.limits.factory import limiter_url

if TYPE_CHECKING:  # not imported at run time: asyncio would slow commands that only load settings
    from neurova.bus.base import Bus
    from neurova.database.base import Database
    from neurova.logs.base import LogStore
    from neurova.mail.base import Mailer
    from neurova.models.base import ModelRegistry
    from neurova.models.pool import ModelPool
    from neurova.schemas.base import SchemaRegistry
    from neurova.secrets.base import SecretStore, SecretVersion
    from neurova.secrets.cache import SecretCache
    from neurova.traces.base import SpanExporter
    from neurova.warehouse.base import Warehouse

    from .locations import DatabaseLocations


class Backend(NamedTuple):
    """Name the functions of one backend.

    `check` returns one line about the backend's state for `neurova doctor`, or raises NeurovaError.
    `find_fault` returns the error in the backend's URL, "" if the URL is valid.
    """

    open: str
    check: str
    find_fault: str = ""


_DATABASES = "neurova_platform.composition.databases"
_KEYS = "neurova_gateway.keys.factory"
_LIMITS = "neurova_gateway.limits.factory"
_MAIL = "neurova_platform.composition.mailers"
_BUS = "neurova_platform.composition.buses"
_REGISTRIES = "neurova_platform.composition.registries"
_SECRETS = "neurova_platform.composition.secrets"
_LOGS = "neurova_platform.composition.log_stores"
_MODELS = "neurova_platform.composition.models"
_WAREHOUSES = "neurova_platform.composition.warehouses"
_TRACES = "neurova_platform.composition.trace_stores"
_TRACES_FAULT = "neurova.settings.traces:find_url_error"
_REDIS_FAULT = "neurova_gateway.limits.redis.url:find_url_error"
_POSTGRES_FAULT = "neurova.database.postgres.url:find_url_error"
_LOKI = Backend(f"{_LOGS}:open_loki", f"{_LOGS}:check_loki", f"{_LOGS}:find_url_error")
_ELASTICSEARCH = Backend(
    f"{_LOGS}:open_elasticsearch", f"{_LOGS}:check_elasticsearch", f"{_LOGS}:find_url_error"
)

BACKENDS: dict[str, dict[str, Backend]] = {
    "database": {
        "file": Backend(f"{_DATABASES}:open_sqlite", f"{_DATABASES}:check_database"),
        "postgresql": Backend(
            f"{_DATABASES}:open_postgres", f"{_DATABASES}:check_database", _POSTGRES_FAULT
        ),
    },
    "keys": {
        "sqlite": Backend(f"{_KEYS}:open_key_store", f"{_KEYS}:check_key_store"),
        "postgresql": Backend(
            f"{_KEYS}:open_key_store", f"{_KEYS}:check_key_store", _POSTGRES_FAULT
        ),
    },
    "limits": {
        "file": Backend(f"{_LIMITS}:open_limiter", f"{_LIMITS}:check_limiter"),
        "redis": Backend(f"{_LIMITS}:open_limiter", f"{_LIMITS}:check_limiter", _REDIS_FAULT),
    },
    "bus": {
        "file": Backend(f"{_BUS}:open_sqlite_bus", f"{_BUS}:check_sqlite_bus"),
        "amqp": Backend(
            f"{_BUS}:open_rabbitmq_bus",
            f"{_BUS}:check_rabbitmq_bus",
            f"{_BUS}:find_rabbitmq_fault",
        ),
        "sqs": Backend(f"{_BUS}:open_sqs_bus", f"{_BUS}:check_sqs_bus", f"{_BUS}:find_sqs_fault"),
    },
    "mail": {
        "file": Backend(f"{_MAIL}:open_files", f"{_MAIL}:check_files"),
        "smtp": Backend(f"{_MAIL}:open_smtp", f"{_MAIL}:check_smtp", f"{_MAIL}:find_url_error"),
        "smtps": Backend(f"{_MAIL}:open_smtp", f"{_MAIL}:check_smtp", f"{_MAIL}:find_url_error"),
    },
    "schemas": {
        "file": Backend(f"{_REGISTRIES}:open_sqlite", f"{_REGISTRIES}:check_sqlite"),
        "http": Backend(f"{_REGISTRIES}:open_confluent", f"{_REGISTRIES}:check_confluent"),
        "https": Backend(f"{_REGISTRIES}:open_confluent", f"{_REGISTRIES}:check_confluent"),
    },
    "traces": {
        "file": Backend(f"{_TRACES}:open_sqlite", f"{_TRACES}:check_sqlite"),
        "http": Backend(f"{_TRACES}:open_otlp", f"{_TRACES}:check_otlp", _TRACES_FAULT),
        "https": Backend(f"{_TRACES}:open_otlp", f"{_TRACES}:check_otlp", _TRACES_FAULT),
    },
    "secrets": {
        "file": Backend(f"{_SECRETS}:open_file", f"{_SECRETS}:check_file"),
        "http": Backend(f"{_SECRETS}:open_vault", f"{_SECRETS}:check_vault"),
        "https": Backend(f"{_SECRETS}:open_vault", f"{_SECRETS}:check_vault"),
    },
    "logs": {
        "file": Backend(f"{_LOGS}:open_file", f"{_LOGS}:check_file"),
        "loki+http": _LOKI,
        "loki+https": _LOKI,
        "elasticsearch+http": _ELASTICSEARCH,
        "elasticsearch+https": _ELASTICSEARCH,
    },
    "models": {
        "file": Backend(f"{_MODELS}:open_local", f"{_MODELS}:check_local"),
        "sqlite": Backend(
            f"{_MODELS}:open_local", f"{_MODELS}:check_local", f"{_MODELS}:find_local_fault"
        ),
        "http": Backend(
            f"{_MODELS}:open_server", f"{_MODELS}:check_server", f"{_MODELS}:find_server_fault"
        ),
        "https": Backend(
            f"{_MODELS}:open_server", f"{_MODELS}:check_server", f"{_MODELS}:find_server_fault"
        ),
    },
    "warehouse": {
        "file": Backend(f"{_WAREHOUSES}:open_duckdb", f"{_WAREHOUSES}:check_duckdb"),
        "clickhouse": Backend(
            f"{_WAREHOUSES}:open_clickhouse",
            f"{_WAREHOUSES}:check_clickhouse",
            f"{_WAREHOUSES}:find_clickhouse_fault",
        ),
    },
}
_ALIASES = {
    "postgres": "postgresql",
    "amqps": "amqp",
    "clickhouses": "clickhouse",
    "rediss": "redis",
    "unix": "redis",
}


def find_backend(port: str, location: object) -> Backend:
    """Return the backend for a file path or URL. Raises ConfigError if its scheme is unknown."""
    scheme, separator, _ = str(location).partition("://")
    scheme = _ALIASES.get(scheme, scheme) if separator else "file"
    backend = BACKENDS[port].get(scheme)
    if backend is None:
        known = ", ".join(BACKENDS[port])
        raise ConfigError(f"unknown URL scheme {scheme!r}", where=port, fix=f"use one of {known}")
    return backend


def load_function(name: str) -> Callable[..., Any]:
    """Import a function from its name in the table."""
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), attribute)
    return function


def find_fault(port: str, location: str) -> str:
    """Return the error in a configured file path or URL, "" if it is valid."""
    try:
        backend = find_backend(port, location)
    except ConfigError as error:
        return f"has an {error.what}: {error.fix}"
    return str(load_function(backend.find_fault)(location)) if backend.find_fault else ""


def open_database(
    locations: DatabaseLocations, service: str, clock: Callable[[], float] = time.time
) -> Database:
    """Return the database of a service; it connects at the first statement."""
    options = locations.settings.services.get(service, Service())
    database: Database = _open("database", locations.get(service), options, service, clock)
    return database


def open_key_store(settings: Settings) -> KeyStore:
    """Open the key store. Raises StateError when it cannot be used."""
    store: KeyStore = _open("keys", key_store_url(settings.state, settings.gateway.keys))
    return store


def open_limiter(settings: Settings) -> Limiter:
    """Open the rate limiter. Raises StateError when it cannot be used."""
    limiter: Limiter = _open("limits", _limiter_url(settings), settings.state)
    return limiter


def open_bus(settings: Settings, clock: Callable[[], float] = time.time) -> Bus:
    """Return the bus, not connected yet; call its `start` to connect."""
    bus: Bus = _open("bus", settings.bus_location, clock)
    return bus


def open_mailer(settings: Settings) -> Mailer:
    """Return the mailer; it opens a connection for each mail."""
    mailer: Mailer = _open("mail", settings.mail_location)
    return mailer


def open_registry(settings: Settings) -> SchemaRegistry:
    """Return the schema registry; it opens on first use."""
    registry: SchemaRegistry = _open("schemas", settings.schemas_location, settings.schemas)
    return registry


def open_secret_store(settings: Settings) -> SecretStore:
    """Return the secret store; it opens on first use."""
    store: SecretStore = _open("secrets", settings.secrets_location, settings.secrets)
    return store


def open_secret_cache(settings: Settings) -> SecretCache:
    """Return the secret cache of this process; it opens the store on the first use of a secret."""
    from neurova.secrets.cache import SecretCache

    return SecretCache(partial(open_secret_store, settings), settings.secrets.expiry)


def read_secrets(settings: Settings, names: Iterable[str]) -> dict[str, SecretVersion]:
    """Return the secrets with these names."""
    store = open_secret_store(settings)
    try:
        return {name: store.read(name) for name in sorted(names)}
    finally:
        store.close()


def open_log_store(settings: Settings) -> LogStore:
    """Return the store that receives log lines besides the log file; it connects on first use."""
    store: LogStore = _open("logs", settings.logs.url, settings.project.name)
    return store


def open_models(settings: Settings) -> ModelRegistry:
    """Return the model registry; it is read on first use."""
    registry: ModelRegistry = _open("models", settings.models_location, settings)
    return registry


def open_model_pool(settings: Settings) -> ModelPool:
    """Return the model pool of this process; it reads the registry on the first use of a model."""
    from neurova.models.pool import ModelPool
    from neurova.models.records import FileSink, ModelRecords, RecordSink

    sinks: list[RecordSink] = [FileSink(settings.state / "logs")]
    if settings.warehouse.enabled:
        from .spooling import ModelTables

        sinks.append(ModelTables(settings))
    return ModelPool(
        partial(open_models, settings),
        ModelRecords(sinks),
        timeout=settings.models.timeout,
        refresh=settings.models.refresh,
        trusted=settings.models.trusted,
    )


def open_warehouse(settings: Settings, *, readonly: bool = False) -> Warehouse:
    """Open the warehouse. Raises Unavailable if another process has opened the file."""
    options, archive = settings.warehouse, settings.warehouse_archive
    warehouse: Warehouse = _open(
        "warehouse", settings.warehouse_location, options, archive, readonly
    )
    return warehouse


def open_span_exporter(settings: Settings, environment: str) -> SpanExporter:
    """Return the exporter of this process's spans."""
    exporter: SpanExporter = _open("traces", settings.traces_location, settings, environment)
    return exporter


def check_database(locations: DatabaseLocations, service: str) -> str:
    """Return one line about the state of a service's database.

    Raises PendingMigrations if some of its migrations have not run.
    """
    from neurova.database import migrations

    from .state import revisions

    location = locations.get(service)
    product = _check("database", location)
    migrations.check(location, revisions(locations.settings, service))
    return f"{location}: {product}, up to date"


def check_key_store(settings: Settings) -> str:
    """Return one line about the state of the key store."""
    return _check("keys", key_store_url(settings.state, settings.gateway.keys))


def check_bus(settings: Settings) -> str:
    """Return one line about the state of the bus."""
    return _check("bus", settings.bus_location)


def check_mailer(settings: Settings) -> str:
    """Return one line about where mails go."""
    return _check("mail", settings.mail_location)


def check_registry(settings: Settings) -> str:
    """Return one line about the state of the schema registry."""
    return _check("schemas", settings.schemas_location, settings.schemas)


def check_secret_store(settings: Settings) -> str:
    """Return one line about the state of the secret store."""
    return _check("secrets", settings.secrets_location, settings.secrets)


def check_models(settings: Settings) -> str:
    """Return one line about the state of the model registry."""
    return _check("models", settings.models_location, settings)


def check_log_store(settings: Settings) -> str:
    """Return one line about where log lines go."""
    return _check("logs", settings.logs.url or settings.log_file, settings.project.name)


def check_warehouse(settings: Settings) -> str:
    """Return one line about the state of the warehouse."""
    options, archive = settings.warehouse, settings.warehouse_archive
    return _check("warehouse", settings.warehouse_location, options, archive)


def check_traces(settings: Settings) -> str:
    """Return one line about where the traces go."""
    return _check("traces", settings.traces_location, settings, "live")


def check_limiter(settings: Settings) -> str:
    """Return one line about the state of the rate limiter."""
    return _check("limits", _limiter_url(settings))


def _limiter_url(settings: Settings) -> str:
    return limiter_url(settings.state, settings.gateway.limits)


def _open(port: str, location: object, *options: object) -> Any:
    return load_function(find_backend(port, location).open)(location, *options)


def _check(port: str, location: object, *options: object) -> str:
    return str(load_function(find_backend(port, location).check)(location, *options))

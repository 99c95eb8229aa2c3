"""All backends in one table: port, URL scheme, and what opens and checks it.

A row names functions as "module:name"; a module is imported when its backend is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from neurova.database.base import Database
from neurova.errors import ConfigError
from neurova.settings.project import Service
from neurova.settings.settings import Settings

if TYPE_CHECKING:  # imported by the backend that is used
    from neurova_gateway.keys.base import KeyStore
    from neurova_gateway.limits.base import Limiter


class Backend(NamedTuple):
    """Name the functions of one backend.

    `check` returns one line on its state for `neurova doctor`, or raises NeurovaError with the fix.
    `find_fault` returns what is wrong with its URL in the settings, "" when nothing is.
    """

    open: str
    check: str
    find_fault: str = ""


BACKENDS: dict[str, dict[str, Backend]] = {
    "database": {
        "file": Backend(
            open="neurova_platform.composition.databases:open_sqlite",
            check="neurova_platform.composition.databases:check_database",
        ),
        "postgresql": Backend(
            open="neurova_platform.composition.databases:open_postgres",
            check="neurova_platform.composition.databases:check_database",
            find_fault="neurova.database.postgres.url:find_url_error",
        ),
    },
    "keys": {
        "sqlite": Backend(
            open="neurova_gateway.keys.factory:open_key_store",
            check="neurova_gateway.keys.factory:check_key_store",
        ),
        "postgresql": Backend(
            open="neurova_gateway.keys.factory:open_key_store",
            check="neurova_gateway.keys.factory:check_key_store",
            find_fault="neurova.database.postgres.url:find_url_error",
        ),
    },
    "limits": {
        "file": Backend(
            open="neurova_gateway.limits.factory:open_limiter",
            check="neurova_gateway.limits.factory:check_limiter",
        ),
    },
}
_ALIASES = {"postgres": "postgresql"}


def find_backend(port: str, location: object) -> Backend:
    """Return the backend of a location: a file, or a URL. Raises ConfigError for its scheme."""
    scheme, separator, _ = str(location).partition("://")
    scheme = _ALIASES.get(scheme, scheme) if separator else "file"
    backend = BACKENDS[port].get(scheme)
    if backend is None:
        known = ", ".join(BACKENDS[port])
        raise ConfigError(f"unknown URL scheme {scheme!r}", where=port, fix=f"use one of {known}")
    return backend


def load_function(name: str) -> Callable[..., Any]:
    """Import the function that a row of the table names."""
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), attribute)
    return function


def find_fault(port: str, location: str) -> str:
    """Return what is wrong with a location in the settings, "" when nothing is."""
    try:
        backend = find_backend(port, location)
    except ConfigError as error:
        return f"has an {error.what}: {error.fix}"
    return str(load_function(backend.find_fault)(location)) if backend.find_fault else ""


def open_database(
    settings: Settings, service: str, clock: Callable[[], float] = time.time
) -> Database:
    """Return the database of a service; it connects at the first statement."""
    location = settings.database(service)
    options = settings.services.get(service, Service())
    database: Database = _open("database", location, options, service, clock)
    return database


def open_key_store(settings: Settings) -> KeyStore:
    """Open the key store. Raises StateError when it cannot be used."""
    store: KeyStore = _open("keys", _key_store_url(settings))
    return store


def open_limiter(settings: Settings) -> Limiter:
    """Open the rate limiter. Raises StateError when it cannot be used."""
    limiter: Limiter = _open("limits", _limiter_url(settings))
    return limiter


def check_database(settings: Settings, service: str) -> str:
    """Return the product and version of a service's database."""
    return _check("database", settings.database(service))


def check_key_store(settings: Settings) -> str:
    """Return one line on the state of the key store."""
    return _check("keys", _key_store_url(settings))


def check_limiter(settings: Settings) -> str:
    """Return one line on the state of the rate limiter."""
    return _check("limits", _limiter_url(settings))


def _open(port: str, location: object, *options: object) -> Any:
    return load_function(find_backend(port, location).open)(location, *options)


def _check(port: str, location: object) -> str:
    return str(load_function(find_backend(port, location).check)(location))


def _key_store_url(settings: Settings) -> str:
    from neurova_gateway.keys.factory import key_store_url

    return key_store_url(settings.state, settings.gateway.keys)


def _limiter_url(settings: Settings) -> str:
    from neurova_gateway.limits.factory import limiter_url

    return limiter_url(settings.state)

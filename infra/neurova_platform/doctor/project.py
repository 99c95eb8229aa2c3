"""Check the code of a project: functions, plugins, Kong, OpenAPI, public page and databases."""

from __future__ import annotations

from collections.abc import Iterator

from neurova.database.migrations import PendingMigrations
from neurova.errors import NeurovaError
from neurova.loading.service import discover
from neurova.settings.settings import Settings

from .. import assets
from ..composition import backends, state
from ..composition.locations import DatabaseLocations
from ..composition.site import load_site
from .finding import Finding, failed


def check_plugins(settings: Settings) -> Iterator[Finding]:
    """Check that the plugins load and that every plugin that a route names exists."""
    from neurova_gateway.plugins.loader import find_plugin
    from neurova_gateway.plugins.loader import load as load_plugins

    folder = assets.plugins_folder(settings.gateway.plugins)
    loaded = load_plugins(folder)
    for name in ("neurova-auth", "neurova-rate-limit", *settings.gateway.extra):
        find_plugin(loaded, name)
    yield Finding("plugins", "ok", f"{', '.join(loaded)} in {folder}")


def check_kong(settings: Settings) -> Iterator[Finding]:
    """Check that each node of Kong responds and has loaded the plugins."""
    if not settings.gateway.kong.admin:
        yield Finding("kong", "ok", "not used: gateway.kong.admin is empty")
        return
    from neurova_gateway.kong_sync.admin import KongAdmin, check_node

    for url in settings.gateway.kong.admin:
        node = check_node(KongAdmin(url), ("neurova-auth", "neurova-rate-limit"))
        mode = "with a database" if node.has_database else "without a database"
        yield Finding("kong", "ok", f"{url}: Kong {node.version} {mode}, plugins loaded")


def check_functions(settings: Settings) -> Iterator[Finding]:
    """Check that every function can be loaded."""
    from ..composition import inventory

    count = len(inventory.load_functions(settings))
    yield Finding("functions", "ok", f"{count} in {settings.functions}")


def check_openapi(settings: Settings) -> Iterator[Finding]:
    """Check that the OpenAPI document can be created, and report who may read it."""
    from ..composition import inventory
    from ..openapi.service import document_access, encode_document

    size = len(encode_document(inventory.load_documented(settings), settings))
    dev, run = document_access(settings, "test"), document_access(settings, "live")
    yield Finding("openapi", "ok", f"{size >> 10} KiB, {dev} in dev, {run} in run")


def check_site(settings: Settings) -> Iterator[Finding]:
    """Check that the public page can be built."""
    load_site(settings)
    yield Finding("site", "ok", settings.site.folder or "not used: site.folder is empty")


def check_databases(settings: Settings) -> Iterator[Finding]:
    """Check the database of each service that has one."""
    with DatabaseLocations(settings) as locations:
        for service in discover(settings.functions):
            finding = check_database(locations, service)
            if finding is not None:
                yield finding


def check_database(locations: DatabaseLocations, service: str) -> Finding | None:
    """Check that a service's database responds and is migrated; None if it has no database."""
    name, settings = f"database {service}", locations.settings
    try:
        has_state = state.has_state(settings, service)
        found = backends.check_database(locations, service) if has_state else ""
        state.require_tables(locations, service, state.load_domain(settings, service))
        return Finding(name, "ok", found) if has_state else None
    except PendingMigrations as error:
        return Finding(name, "warn", f"{error.where}: {error.what}", error.fix)
    except NeurovaError as error:
        return failed(name, error)

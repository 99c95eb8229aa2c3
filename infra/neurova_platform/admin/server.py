"""The server of the Admin API; it has its own port."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn

import msgspec

from neurova.database.migrations import PendingMigrations
from neurova.errors import Unavailable
from neurova.loading.service import discover
from neurova.settings.settings import Settings
from neurova_gateway.admin.context import AdminContext, Function
from neurova_gateway.admin.probes import Check, Part
from neurova_gateway.admin.reloads import Reloads
from neurova_gateway.keys.base import KeyStore
from neurova_gateway.limits.base import Limiter
from neurova_gateway.plugins.stores import Stores

from .. import DISTRIBUTION
from ..composition.backends import check_database
from ..composition.events import EventSystem
from ..composition.locations import DatabaseLocations
from ..composition.platform import Platform
from ..composition.state import COUNTERS, PROCESS_COUNTERS, has_state
from ..composition.trace_stores import open_reader
from ..http_client import address
from ..side_server import serve_app
from .access import BACKLOG, load_token
from .backlogs import read_backlogs


def platform_context(platform: Platform, reloads: Reloads) -> AdminContext:
    """Return the context of an Admin API that runs inside the platform's process."""

    def functions() -> Sequence[Function]:
        from .snapshot import describe_functions

        return describe_functions(list(platform.functions()), platform.settings)

    def backends() -> Stores:
        return platform.stores or refuse_keys_and_limits()

    return project_context(
        platform.settings,
        platform.environment,
        functions=functions,
        keys=lambda: backends().keys.store,
        limiter=lambda: backends().limiter,
        events=platform.events,
        locations=platform.locations,
        clock=platform.stores.clock if platform.stores else time.time,
        reloads=reloads,
    )


def project_context(
    settings: Settings,
    environment: str,
    *,
    functions: Callable[[], Sequence[Function]],
    keys: Callable[[], KeyStore],
    limiter: Callable[[], Limiter],
    events: EventSystem,
    locations: DatabaseLocations,
    clock: Callable[[], float] = time.time,
    reloads: Reloads | None = None,
) -> AdminContext:
    """Return the context of the Admin API of a project."""
    from importlib import metadata

    state = settings.state

    def parts() -> dict[str, Check]:
        names = discover(settings.functions)
        return {f"database {name}": partial(_check_database, locations, name) for name in names}

    return AdminContext(
        name=settings.project.name,
        environment=environment,
        version=metadata.version(DISTRIBUTION),
        started=time.time(),
        counters=state / COUNTERS,
        process_counters=state / PROCESS_COUNTERS,
        access_log=state / "logs" / "access.jsonl",
        log_file=settings.log_file,
        audit_log=state / "logs" / "audit.jsonl",
        functions=functions,
        keys=keys,
        limiter=limiter,
        dead_letters=events.dead_letters,
        backlogs=partial(read_backlogs, settings, events.dead_letters, events.database),
        traces=partial(open_reader, settings),
        clock=clock,
        parts=parts,
        consumer_limit=settings.gateway.limit,
        plans=settings.plans,
        time_zone=settings.gateway.time_zone,
        embedded=not settings.gateway.behind,
        reloads=reloads or Reloads(),
    )


@asynccontextmanager
async def serve(
    settings: Settings, make_context: Callable[[], AdminContext], listener: socket.socket
) -> AsyncIterator[str]:
    """Serve the Admin API on the running event loop until the block ends; yield its URL.

    The first request calls `make_context`. Raises StateError if the token file is unusable.
    """
    token, started = load_token(settings.state, settings.admin.token), time.time()

    def make_app() -> Any:
        context = msgspec.structs.replace(make_context(), started=started)
        return create_app(context, token, settings)

    async with serve_app(make_app, listener, http=_protocol, limit_concurrency=BACKLOG):
        yield address(settings.admin.host, listener.getsockname()[1], tls=False)


def create_app(context: AdminContext, token: str, settings: Settings) -> Any:
    """Return the ASGI app of the Admin API with all operations."""
    from neurova_gateway.admin import app

    from .operations import OPERATIONS

    return app.create_app(OPERATIONS, context, token, settings.admin.hosts)


def refuse_keys_and_limits() -> NoReturn:
    """Refuse operations on keys and limits: behind Kong, Kong manages them."""
    raise Unavailable("Kong manages keys and limits", fix="use the Admin API of Kong")


def _protocol(**options: Any) -> Any:
    from .protocol import AdminProtocol

    return AdminProtocol(**options)


def _check_database(locations: DatabaseLocations, service: str) -> Part:
    name = f"database {service}"
    if not has_state(locations.settings, service):
        return Part(name, "up", "this service has no database")
    try:
        return Part(name, "up", check_database(locations, service))
    except PendingMigrations as error:
        return Part(name, "behind", f"{error.where}: {error.what}", error.fix)

"""The Admin API of a running platform, on a listener of its own."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn

import msgspec
import uvicorn

from neurova.errors import Unavailable
from neurova.functions.loader import Service, discover
from neurova.settings.settings import Settings
from neurova_gateway.admin.reloads import Reloads
from neurova_gateway.admin.sources import Function, Part, Sources
from neurova_gateway.keys.base import KeyStore
from neurova_gateway.limits.base import Limiter
from neurova_gateway.plugins.stores import Backends

from ..composition.platform import Platform
from ..composition.state import COUNTERS
from ..serving.client import address
from . import token as admin_token
from .address import CONNECTIONS

DRAIN_SECONDS = 2


def of_platform(platform: Platform, reloads: Reloads) -> Sources:
    """Return what the Admin API of this very process reads."""
    told = Told(platform)

    def keys() -> KeyStore:
        return _embedded(platform).keys.store

    def limiter() -> Limiter:
        return _embedded(platform).limiter

    return sources(
        platform.settings,
        platform.environment,
        functions=told,
        keys=keys,
        limiter=limiter,
        clock=platform.backends.clock if platform.backends else time.time,
        reloads=reloads,
    )


def sources(settings: Settings, environment: str, **given: Any) -> Sources:
    """Return what an Admin API reads of a project; `given`: functions, keys, limiter, reloads."""
    from importlib import metadata

    state = settings.state

    def parts() -> dict[str, Callable[[], Part]]:
        names = discover(settings.functions)
        return {f"database {name}": partial(_database, settings, name) for name in names}

    return Sources(
        name=settings.project.name,
        environment=environment,
        version=metadata.version("neurova"),
        started=time.time(),
        counters=state / COUNTERS,
        access=state / "logs" / "access.jsonl",
        audit=state / "logs" / "audit.jsonl",
        parts=parts,
        consumer_limit=settings.gateway.limit,
        embedded=not settings.gateway.behind,
        **given,
    )


class Told:
    """Give the functions of a platform, looked at anew only when others are served."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._of: dict[str, Service] | None = None
        self._found: Sequence[Function] = ()

    def __call__(self) -> Sequence[Function]:
        """Return what is known of each."""
        from .facts import facts

        services = self._platform.services
        if self._of is not services:
            functions = [each for service in services.values() for each in service.functions]
            self._found = facts(functions, self._platform.settings)
            self._of = services
        return self._found


@asynccontextmanager
async def served(
    settings: Settings, made: Callable[[], Sources], listener: socket.socket
) -> AsyncIterator[str]:
    """Serve the Admin API on the running loop until the block ends; give its URL.

    `made` gives what it reads, once it is asked for the first time. Raises StateError when the
    token's file cannot be used.
    """
    token, began = admin_token.load(settings.state), time.time()

    def make() -> Any:
        return app(msgspec.structs.replace(made(), started=began), token, settings)

    config = uvicorn.Config(
        _Late(make),
        http=_protocol,  # type: ignore[arg-type]  # a class, once called
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        date_header=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    url = address(settings.admin.host, listener.getsockname()[1], tls=False)
    await server.startup([listener])
    try:
        yield url
    finally:
        await server.shutdown([listener])


class _Late:
    """Be an app that is imported by its first request: a start does not pay for it."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: asyncio.Future[Any] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._made is None:
            self._made = asyncio.ensure_future(asyncio.to_thread(self._make))
        try:
            app = await asyncio.shield(self._made)
        except BaseException:
            self._made = None  # the next request tries again
            raise
        await app(scope, receive, send)


def _protocol(**given: Any) -> Any:
    from .protocol import AdminProtocol

    return AdminProtocol(**given)


def app(sources: Sources, token: str, settings: Settings) -> Any:
    """Return the ASGI app of the Admin API."""
    from neurova_gateway.admin.app import admin

    return admin(sources, token, settings.admin.hosts)


def _database(settings: Settings, service: str) -> Part:
    from ..doctor.checks import database

    found = database(settings, service)
    if found is None:
        return Part(f"database {service}", "up", "it has none")
    status: dict[str, Any] = {"ok": "up", "warn": "behind", "fail": "unreachable"}
    return Part(found.check, status[found.verdict], found.says, found.fix)


def _embedded(platform: Platform) -> Backends:
    return platform.backends or elsewhere()


def elsewhere() -> NoReturn:
    """Refuse what a runtime behind Kong does not have: keys and limits."""
    raise Unavailable("keys and limits are kept by the gateway in front: ask its Admin API")

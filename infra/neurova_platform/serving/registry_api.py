"""Serve the API of the embedded schema registry."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from neurova.errors import ConfigError
from neurova.settings.gateway import is_loopback
from neurova.settings.settings import Settings

from ..http_client import address
from ..side_server import serve_app
from .listener import bind_all

_CONNECTIONS = 256
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def is_served(settings: Settings) -> bool:
    """Return whether a project uses the embedded registry and serves its API."""
    return settings.schemas.serve and not settings.schemas.url


def listen(settings: Settings) -> socket.socket | None:
    """Return the listening socket, None if the API is not served. Raises ConfigError."""
    return listen_all(settings, 1)[0] if is_served(settings) else None


def listen_all(settings: Settings, count: int) -> list[socket.socket]:
    """Return `count` listening sockets on one port; if the default port is in use, on a free port.

    Raises ConfigError if the address is not available.
    """
    host, port = settings.schemas.host, settings.schemas.port
    try:
        return bind_all(host, port, count)
    except ConfigError as error:
        cause = error.__cause__ or error.__context__
        is_in_use = isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE
        if is_in_use and "schemas.port" not in settings.origins:
            return bind_all(host, 0, count)
        raise ConfigError(
            f"the registry of schemas cannot listen: {error.what}",
            where=error.where,
            fix="change schemas.port or schemas.host, or set schemas.serve = false",
        ) from None


@asynccontextmanager
async def serve(settings: Settings, listener: socket.socket) -> AsyncIterator[str]:
    """Serve the API of the embedded registry until the block ends; yield its URL."""
    from neurova.schemas.sqlite import SqliteRegistry

    schemas = settings.schemas
    registry = SqliteRegistry(settings.state / "registry.db", schemas.compatibility)

    def make_app() -> Any:
        from neurova.schemas.rest import create_app

        hosts = _LOOPBACK_NAMES if is_loopback(schemas.host) else ()
        return create_app(registry, schemas.token, hosts)

    try:
        async with serve_app(make_app, listener, limit_concurrency=_CONNECTIONS):
            yield address(schemas.host, listener.getsockname()[1], tls=False)
    finally:
        registry.close()

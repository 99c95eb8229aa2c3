"""A platform on a port, until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any

import uvicorn

from neurova.errors import ConfigError
from neurova.settings.settings import Settings
from neurova_gateway.admin.reloads import Reloads
from neurova_gateway.metrics.counter_file import remove_unused_counter_files
from neurova_gateway.pipeline.call_records import CallSink
from neurova_gateway.server.protocol import GatewayProtocol

from ..admin import access as admin_access
from ..composition.platform import Environment, Platform
from ..composition.state import COUNTERS
from . import interrupt, logs
from .client import address
from .listener import bind
from .server import Server

if TYPE_CHECKING:
    from ..supervise.leash import Leash


async def serve(
    settings: Settings,
    *,
    environment: Environment,
    migrate: bool = False,
    listener: socket.socket | None = None,
    leash: Leash | None = None,
    ready: Callable[[Platform, str], None] = lambda platform, url: None,
    sinks: Sequence[CallSink] = (),
    on_reload: Callable[[str, Exception | None, float], None] | None = None,
) -> None:
    """Serve a project until SIGINT or SIGTERM, then let calls in flight finish.

    `listener`: where, if not on a socket of its own; `leash`: what a worker has to its supervisor.
    `ready` is told the platform and its base URL once it answers; `sinks` receive call
    records, on a thread. `on_reload` makes services reload when a file is saved, and is told the
    service, the fault or None, and the seconds it took. Raises NeurovaError when it cannot start.
    """
    check_certificate(settings.gateway.tls_cert, settings.gateway.tls_key)
    with ExitStack() as sockets:
        opened: socket.socket | None = None
        listener = sockets.enter_context(
            listener or bind(settings.gateway.host, settings.gateway.port)
        )
        if leash is None:
            if settings.admin.enabled:
                free = on_reload is not None
                opened = sockets.enter_context(admin_access.listen(settings, any_port=free))
            # Skip counters left by earlier processes.
            remove_unused_counter_files(settings.state / COUNTERS)
        platform = Platform(settings, environment=environment, migrate=migrate, sinks=sinks)
        gateway = settings.gateway
        port = listener.getsockname()[1]
        url = address(gateway.host, port, tls=bool(gateway.tls_cert))
        async with AsyncExitStack() as stack:
            reloads = Reloads()
            log = logs.install(settings.state / "logs")
            stack.callback(logs.remove, log)
            stack.push_async_callback(platform.stop)
            if on_reload is not None:
                from ..dev.reload import watch

                told = partial(_told, reloads, on_reload)
                watcher = asyncio.create_task(watch(platform, told))
                # Before the platform: what a reload starts after that, nobody would stop.
                stack.push_async_callback(_ended, watcher)
                await asyncio.sleep(0)  # it watches before anything is loaded
            await platform.start()
            interrupt.started()
            if opened is not None:
                from ..admin import server as admin

                found = partial(admin.platform_context, platform, reloads)
                platform.admin = await stack.enter_async_context(
                    admin.serve(settings, found, opened)
                )
                stack.enter_context(admin_access.address_file(settings, platform.admin))
            server = Server(
                _config(settings, platform),
                partial(ready, platform, url),
                edge=platform.connection_manager,
                patience=settings.runtime.drain,
                leash=leash,
                stuck=settings.runtime.stuck,
                answered=lambda: platform.call_records.flushed,
            )
            await server.serve(sockets=[listener])


def run(settings: Settings, **options: Any) -> None:
    """Serve a project on an event loop of its own; `options` as `serve` takes them."""
    import uvloop

    async def main() -> None:
        interrupt.cancels(asyncio.current_task())
        await serve(settings, **options)

    try:
        uvloop.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def check_certificate(certificate: str, key: str) -> None:
    """Raise ConfigError when the files of a certificate and its key cannot be used together."""
    if not certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(
            f"gateway.tls_cert {certificate} and gateway.tls_key {key} cannot be used "
            f"({error.__class__.__name__}: {error}): give a PEM chain and its unencrypted key"
        ) from None


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has undone what it had begun."""
    task.cancel()
    await asyncio.wait([task])


def _told(
    reloads: Reloads,
    on_reload: Callable[[str, Exception | None, float], None],
    service: str,
    fault: Exception | None,
    seconds: float,
) -> None:
    reloads.record(service, fault)
    on_reload(service, fault, seconds)


def _config(settings: Settings, platform: Platform) -> uvicorn.Config:
    gateway = settings.gateway
    return uvicorn.Config(
        platform.asgi,
        http=partial(GatewayProtocol, platform.connection_manager),  # type: ignore[arg-type]  # a class, once called
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        date_header=False,
        server_header=False,
        ssl_certfile=gateway.tls_cert or None,
        ssl_keyfile=gateway.tls_key or None,
        timeout_graceful_shutdown=ceil(settings.runtime.drain),
    )

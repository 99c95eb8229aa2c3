"""Serve a platform on a socket until it is stopped."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from math import ceil
from typing import Any

import uvicorn

from neurova.errors import ConfigError
from neurova.settings.settings import Settings
from neurova.subscriptions.records import ReportEvent
from neurova_gateway.admin.reloads import Reloads
from neurova_gateway.pipeline.call_records import CallSink
from neurova_gateway.server.protocol import GatewayProtocol

from ..admin import access as admin_access
from ..composition.events import EventRole
from ..composition.platform import Environment, Platform
from ..composition.state import remove_old_counters
from ..http_client import address
from . import interrupt, logs, registry_api
from .access_lines import AccessLines
from .listener import bind
from .managed import SupervisorChannel
from .server import Server


async def serve(
    settings: Settings,
    *,
    environment: Environment,
    migrate: bool = False,
    listener: socket.socket | None = None,
    channel: SupervisorChannel | None = None,
    on_ready: Callable[[Platform, str], None] = lambda platform, url: None,
    sinks: Sequence[CallSink] = (),
    event_roles: Iterable[EventRole] = (),
    report_event: ReportEvent = lambda record: None,
    on_reload: Callable[[str, Exception | None, float], None] | None = None,
) -> None:
    """Serve a project until SIGINT or SIGTERM, then let calls in flight finish.

    `listener`: the listening socket, by default a new one at the configured address. `channel`: the
    channel of a worker to its supervisor. `on_ready` receives the platform and its base URL.
    `sinks` receive call records, on a thread. `event_roles`: the event tasks that this process
    runs; `report_event` receives a record of each event, on the event loop. `on_reload`: if given,
    services are reloaded when a file is saved; it receives the service, the error or None, and the
    seconds that the reload took. Raises NeurovaError if the platform cannot start.
    """
    gateway = settings.gateway
    check_certificate(gateway.tls_cert, gateway.tls_key)
    with ExitStack() as sockets:
        listener = sockets.enter_context(listener or bind(gateway.host, gateway.port))
        admin_listener: socket.socket | None = None
        registry_listener: socket.socket | None = None
        if channel is None:
            registry_listener = registry_api.listen(settings) if event_roles else None
            if registry_listener is not None:
                sockets.enter_context(registry_listener)
            if settings.admin.enabled:
                opened = admin_access.listen(settings, any_port=on_reload is not None)
                admin_listener = sockets.enter_context(opened)
            # Skip counters left by earlier processes that have exited.
            remove_old_counters(settings.state)
        log = sockets.enter_context(logs.writing(settings, show_functions=on_reload is not None))
        if settings.logs.url:
            sinks = [*sinks, AccessLines(log, settings.openapi.version)]
        platform = Platform(
            settings,
            environment=environment,
            migrate=migrate,
            sinks=sinks,
            event_roles=event_roles,
            report_event=report_event,
            log=log,
        )
        platform.process_counters.sources.append(log.readings)
        url = address(gateway.host, listener.getsockname()[1], tls=bool(gateway.tls_cert))
        async with AsyncExitStack() as stack:
            reloads = Reloads()
            stack.push_async_callback(platform.stop)
            if on_reload is not None:
                report = partial(_report_reload, reloads, on_reload)
                await _start_watcher(platform, report, stack)
            await platform.start()
            interrupt.mark_started()
            if admin_listener is not None:
                await _serve_admin(platform, reloads, admin_listener, stack)
            if registry_listener is not None:
                api = registry_api.serve(settings, registry_listener)
                platform.registry = await stack.enter_async_context(api)
            server = Server(
                _config(settings, platform),
                partial(on_ready, platform, url),
                edge=platform.connection_manager,
                drain_delay=settings.runtime.drain_delay if channel is not None else 0.0,
                idle_timeout=settings.runtime.drain,
                channel=channel,
                stuck=settings.runtime.stuck,
                count_completed=lambda: platform.call_records.flushed,
            )
            await server.serve(sockets=[listener])


async def _start_watcher(
    platform: Platform,
    report: Callable[[str, Exception | None, float], None],
    stack: AsyncExitStack,
) -> None:
    """Reload services and the public page when files change, until the stack is closed."""
    from ..dev.reload import watch, watch_site

    # Stop the watcher before the platform: a reload after `platform.stop()` would leak its
    # services.
    stack.push_async_callback(_cancel, asyncio.create_task(watch(platform, report)))
    if platform.settings.site.folder:
        stack.push_async_callback(_cancel, asyncio.create_task(watch_site(platform, report)))
    await asyncio.sleep(0)  # let the watcher start before services are loaded


async def _serve_admin(
    platform: Platform, reloads: Reloads, listener: socket.socket, stack: AsyncExitStack
) -> None:
    """Serve the Admin API in this process until the stack is closed."""
    from ..admin import server as admin

    settings = platform.settings
    sources = partial(admin.platform_context, platform, reloads)
    platform.admin = await stack.enter_async_context(admin.serve(settings, sources, listener))
    stack.enter_context(admin_access.address_file(settings, platform.admin))


def run(settings: Settings, **options: Any) -> None:
    """Serve a project on a new event loop; `options` are the keyword arguments of `serve`."""
    import uvloop

    async def main() -> None:
        interrupt.cancel_on_interrupt(asyncio.current_task())
        await serve(settings, **options)

    try:
        uvloop.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def check_certificate(certificate: str, key: str) -> None:
    """Raise ConfigError if a certificate and its key cannot be used together."""
    if not certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(
            f"{certificate} and {key} cannot be used ({error.__class__.__name__}: {error})",
            where="gateway.tls_cert, gateway.tls_key",
            fix="name a PEM certificate chain and its unencrypted key",
        ) from None


async def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has cleaned up."""
    task.cancel()
    await asyncio.wait([task])


def _report_reload(
    reloads: Reloads,
    on_reload: Callable[[str, Exception | None, float], None],
    service: str,
    error: Exception | None,
    seconds: float,
) -> None:
    reloads.record(service, error)
    on_reload(service, error, seconds)


def _config(settings: Settings, platform: Platform) -> uvicorn.Config:
    gateway = settings.gateway
    return uvicorn.Config(
        platform.asgi,
        http=partial(GatewayProtocol, platform.connection_manager),  # type: ignore[arg-type]  # uvicorn calls it like a class
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

"""The role `events`: run the subscriptions and relays of the project."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from contextlib import AsyncExitStack

from neurova.execution.context import ExecutionContext
from neurova.loading.service import discover
from neurova.settings.settings import Settings
from neurova.subscriptions.records import EventRecord
from neurova_gateway.metrics.process_counters import ProcessCounters

from ..composition import backends
from ..composition.databases import ServiceDatabases
from ..composition.events import EventRole, EventSystem
from ..composition.http_clients import HttpClients
from ..composition.services import load_service
from ..composition.state import PROCESS_COUNTERS
from ..composition.trace_stores import Traces
from ..composition.warehouse import WarehouseSystem
from ..serving import logs, registry_api
from .channel import WorkerChannel
from .roles import ChildArguments

LOGGER = logging.getLogger("neurova.events")
WAREHOUSE_NICE = 10
"""The niceness, so that functions come first on a busy machine; with 19, heartbeats may be late."""


def serve(
    arguments: ChildArguments, listener: socket.socket | None, channel: WorkerChannel
) -> None:
    """Run subscriptions, relays and the embedded registry's API until the supervisor stops us."""
    _run(arguments, channel, ("subscriptions", "relay"), listener)


def serve_subscriptions(arguments: ChildArguments, _: None, channel: WorkerChannel) -> None:
    """Run the subscriptions until the supervisor stops this process."""
    _run(arguments, channel, ("subscriptions",))


def serve_relay(
    arguments: ChildArguments, listener: socket.socket | None, channel: WorkerChannel
) -> None:
    """Run the relays and the embedded registry's API until the supervisor stops this process."""
    _run(arguments, channel, ("relay",), listener)


def serve_warehouse(arguments: ChildArguments, _: None, channel: WorkerChannel) -> None:
    """Write the warehouse until the supervisor stops this process."""
    os.nice(WAREHOUSE_NICE)
    _run(arguments, channel, ("warehouse",))


def _run(
    arguments: ChildArguments,
    channel: WorkerChannel,
    event_roles: tuple[EventRole, ...],
    listener: socket.socket | None = None,
) -> None:
    import uvloop

    uvloop.run(_serve(arguments.load_settings(), channel, event_roles, listener))


async def _serve(
    settings: Settings,
    channel: WorkerChannel,
    event_roles: tuple[EventRole, ...],
    listener: socket.socket | None,
) -> None:
    async with AsyncExitStack() as stack:
        log = stack.enter_context(logs.writing(settings))
        databases = ServiceDatabases(settings, time.time)
        stack.push_async_callback(databases.close)
        clients = HttpClients()
        stack.push_async_callback(clients.close)
        secrets = backends.open_secret_cache(settings)
        stack.callback(secrets.close)
        models = backends.open_model_pool(settings)
        stack.callback(models.close)
        execution = ExecutionContext()
        services = {
            name: load_service(
                settings, name, databases, secrets, models, execution, clients, log=log
            )
            for name in discover(settings.functions)
        }
        role = "events" if len(event_roles) > 1 else event_roles[0]
        counters = ProcessCounters(settings.state / PROCESS_COUNTERS, role)
        counters.sources.extend([log.readings, databases.locations.readings])
        counters.open()
        stack.callback(counters.close)
        stack.callback(asyncio.create_task(counters.run()).cancel)

        def report(record: EventRecord) -> None:
            counters.count_event(record)
            _log(record)

        traces = Traces(settings, "live")
        traces.start()
        stack.callback(traces.stop)
        counters.sources.append(traces.readings)
        events = EventSystem(settings, event_roles, databases.get, report, time.time, traces.tracer)
        stack.push_async_callback(events.stop)
        await events.serve(services)
        if "warehouse" in event_roles:
            warehouse = WarehouseSystem(settings, events)
            stack.push_async_callback(warehouse.stop)
            await warehouse.serve(services)
        if listener is not None:
            await stack.enter_async_context(registry_api.serve(settings, listener))
        await channel.wait_for_stop(
            settings.runtime.stuck, subscriptions=len(events.subscriptions())
        )


def _log(record: EventRecord) -> None:
    if LOGGER.isEnabledFor(logging.DEBUG):
        LOGGER.debug("%s", record)

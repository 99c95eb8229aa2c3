"""The role `admin`: serve the Admin API beside the workers."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from neurova.settings.settings import Settings

from ..admin import server as admin
from ..admin import snapshot
from ..composition import backends
from ..composition.databases import ServiceDatabases
from ..composition.events import EventSystem
from ..serving import logs
from .channel import WorkerChannel
from .roles import ChildArguments


def serve(arguments: ChildArguments, listener: socket.socket, channel: WorkerChannel) -> None:
    """Serve until the supervisor stops this process. Raises NeurovaError if it cannot start."""
    asyncio.run(_serve(arguments.load_settings(), listener, channel))


async def _serve(settings: Settings, listener: socket.socket, channel: WorkerChannel) -> None:
    async with AsyncExitStack() as stack:
        stack.enter_context(logs.writing(settings))
        databases = ServiceDatabases(settings, time.time)
        stack.push_async_callback(databases.close)
        events = EventSystem(settings, (), databases.get, lambda record: None, time.time)
        stack.push_async_callback(events.stop)
        found = admin.project_context(
            settings,
            "live",
            functions=partial(snapshot.read, settings.state),
            events=events,
            locations=databases.locations,
            **_open_stores(settings, stack),
        )
        async with admin.serve(settings, lambda: found, listener):
            await channel.wait_for_stop(settings.runtime.stuck)


def _open_stores(settings: Settings, stack: AsyncExitStack) -> dict[str, Any]:
    if settings.gateway.behind:
        return {"keys": admin.refuse_keys_and_limits, "limiter": admin.refuse_keys_and_limits}
    store = backends.open_key_store(settings)
    stack.callback(store.close)
    limiter = backends.open_limiter(settings)
    stack.callback(limiter.close)
    return {"keys": lambda: store, "limiter": lambda: limiter}

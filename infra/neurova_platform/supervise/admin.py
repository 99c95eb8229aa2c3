"""The Admin API as a child of the supervisor, beside the workers."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import ExitStack
from typing import Any

from neurova.settings.settings import Settings
from neurova_gateway.keys.factory import key_store_url, open_key_store
from neurova_gateway.limits.factory import limiter_url, open_limiter

from ..admin import server as admin
from ..admin import snapshot
from .leash import Leash
from .order import Order


def serve(order: Order, listener: socket.socket, leash: Leash) -> None:
    """Serve until the supervisor ends it. Raises NeurovaError when it cannot start."""
    asyncio.run(_serve(order.settings(), listener, leash))


async def _serve(settings: Settings, listener: socket.socket, leash: Leash) -> None:
    with ExitStack() as stack:
        found = admin.project_context(
            settings,
            "live",
            functions=snapshot.reader(settings.state),
            **_kept(settings, stack),
        )
        async with admin.serve(settings, lambda: found, listener):
            led = _Led(leash)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, led.stop)
            leash.hold(led, settings.runtime.stuck)
            leash.ready()
            await led.ended.wait()


class _Led:
    """End as soon as it is told to: what it answers takes moments."""

    def __init__(self, leash: Leash) -> None:
        self.ended = asyncio.Event()
        self._leash = leash

    def drain(self) -> None:
        """End."""
        self.stop()

    def stop(self) -> None:
        """End."""
        self._leash.leaving()
        self.ended.set()

    def hurry(self) -> None:
        """End."""
        self.stop()

    def progress(self) -> int:
        """Return nothing of use: its loop turns often."""
        return 0


def _kept(settings: Settings, stack: ExitStack) -> dict[str, Any]:
    if settings.gateway.behind:
        return {"keys": admin.refuse_keys_and_limits, "limiter": admin.refuse_keys_and_limits}
    store = open_key_store(key_store_url(settings.state, settings.gateway.keys))
    stack.callback(store.close)
    table = open_limiter(limiter_url(settings.state))
    stack.callback(table.close)
    return {"keys": lambda: store, "limiter": lambda: table}

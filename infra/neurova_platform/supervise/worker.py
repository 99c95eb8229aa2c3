"""What a worker does: serve the project on its slot's socket until its supervisor ends it."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Sequence

from neurova.endpoints.endpoint import Endpoint
from neurova.errors import NeurovaError
from neurova.settings.settings import Settings

from ..admin import snapshot
from ..composition.platform import Platform
from ..serving.serve import run
from .leash import Leash
from .order import Order

LOGGER = logging.getLogger("neurova.worker")


def work(order: Order, listener: socket.socket, leash: Leash) -> None:
    """Serve; settings and functions are read anew. Raises NeurovaError when it cannot start."""

    def ready(platform: Platform, _url: str) -> None:
        functions = tuple(platform.functions())
        if platform.settings.admin.enabled:
            told = functions, platform.settings
            threading.Thread(target=_tell, args=told, name="snapshot", daemon=True).start()
        leash.ready(functions=len(functions), seat=platform.slot)

    run(order.settings(), environment="live", listener=listener, leash=leash, ready=ready)


def _tell(functions: Sequence[Endpoint], settings: Settings) -> None:
    """Tell the Admin API what is served: it runs no code of the project."""
    try:
        snapshot.write(functions, settings)
    except NeurovaError as error:
        LOGGER.error("the Admin API is not told what is served: %s", error)

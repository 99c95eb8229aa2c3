"""What a worker does: serve the project on its slot's socket until its supervisor ends it."""

from __future__ import annotations

import socket

from ..platform import Platform
from ..serve import run
from .leash import Leash
from .order import Order


def work(order: Order, listener: socket.socket, leash: Leash) -> None:
    """Serve; settings and functions are read anew. Raises NeurovaError when it cannot start."""

    def ready(platform: Platform, _url: str) -> None:
        leash.ready(functions=sum(1 for _ in platform.functions()), seat=platform.seat)

    run(order.settings(), environment="live", listener=listener, leash=leash, ready=ready)

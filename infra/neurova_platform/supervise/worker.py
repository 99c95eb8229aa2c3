"""The role `worker`: serve the functions of the project."""

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
from .channel import WorkerChannel
from .roles import ChildArguments

LOGGER = logging.getLogger("neurova.worker")


def serve(arguments: ChildArguments, listener: socket.socket, channel: WorkerChannel) -> None:
    """Serve until the supervisor stops this process. Raises NeurovaError if it cannot start."""

    def report_ready(platform: Platform, _url: str) -> None:
        functions = tuple(platform.functions())
        if platform.settings.admin.enabled:
            threading.Thread(
                target=_write_snapshot,
                args=(functions, platform.settings),
                name="snapshot",
                daemon=True,
            ).start()
        channel.report_ready(functions=len(functions), seat=platform.slot)

    run(
        arguments.load_settings(),
        environment="live",
        listener=listener,
        channel=channel,
        on_ready=report_ready,
    )


def _write_snapshot(functions: Sequence[Endpoint], settings: Settings) -> None:
    """Describe the served functions for the admin process, which imports no project code."""
    try:
        snapshot.write(functions, settings)
    except NeurovaError as error:
        LOGGER.error("The Admin API cannot show the served functions: %s", error)

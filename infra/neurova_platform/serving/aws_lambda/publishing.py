"""Publish the events of a call before its answer: the process is suspended after it."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

from neurova.errors import NeurovaError

if TYPE_CHECKING:
    from neurova.outbox.relay import Relay

    from ...composition.platform import Platform

LOGGER = logging.getLogger("neurova.events")
PUBLISH_SECONDS = 2.0  # that an answer waits for the bus
PAUSE_SECONDS = 5.0  # without an attempt after a failure, so that a bus that is down costs little


class OutboxPublisher:
    """Publish what waits in the outbox of a service; what is left waits for the next sweep."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._relays: dict[str, Relay] = {}
        self._resumes_at = 0.0

    async def publish(self, service: str, deadline: float) -> None:
        """Publish until the outbox is empty, for a short time; never fail."""
        found = self._platform.services.get(service)
        if found is None or not found.publishes or monotonic() < self._resumes_at:
            return
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(min(deadline, now + PUBLISH_SECONDS)):
                while await self.relay(service).relay_batch():
                    pass
        except (NeurovaError, TimeoutError) as error:
            self._resumes_at = monotonic() + PAUSE_SECONDS
            why = error if isinstance(error, NeurovaError) else "the bus has not confirmed in time"
            LOGGER.warning("Events of %s wait for the next sweep: %s", service, why)

    def relay(self, service: str) -> Relay:
        """Return the relay of a service, which publishes its outbox."""
        if service not in self._relays:
            self._relays[service] = self._platform.events.make_relay(
                self._platform.services[service]
            )
        return self._relays[service]

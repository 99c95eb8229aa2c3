"""Publish the events of a call before its response, because Lambda then suspends the process."""

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
PUBLISH_SECONDS = 2.0  # the longest time that a response waits for the bus
PAUSE_SECONDS = 5.0  # do not retry earlier after a failure: calls would wait for the bus


class OutboxPublisher:
    """Publish the events in the outbox of a service; the next sweep publishes any that remain."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._relays: dict[str, Relay] = {}
        self._resumes_at = 0.0

    async def publish(self, service: str, deadline: float) -> None:
        """Publish until the outbox is empty or the time is up; log errors, do not raise them."""
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
        """Return the relay that publishes the outbox of a service."""
        if service not in self._relays:
            self._relays[service] = self._platform.events.make_relay(
                self._platform.services[service]
            )
        return self._relays[service]

"""Consume one queue by polling."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Protocol

from ...errors import NeurovaError
from ...execution.repeated import log_repeated
from ..base import Delivery, Receive
from .messages import Handle

LOGGER = logging.getLogger("neurova.events")

LONGEST_PAUSE = 5.0  # seconds between two polls after failures


class Poller(Protocol):
    """The part of the bus that a consumer uses."""

    unfinished: dict[Handle, SqsConsumer]

    async def receive(self, queue: str, limit: int) -> list[Delivery]:
        """Wait for messages and return at most `limit` of them."""
        ...

    async def release(self, delivery: Delivery) -> None:
        """Return the message to its queue."""
        ...


class SqsConsumer:
    """Deliver messages of one queue while fewer than `prefetch` are unfinished."""

    def __init__(self, bus: Poller, queue: str, prefetch: int, receive: Receive) -> None:
        self._bus = bus
        self._queue = queue
        self._receive = receive
        self._room = prefetch
        self._wake = asyncio.Event()
        self._is_stopped = False
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Receive no more deliveries; deliveries already received can still be ended."""
        self._is_stopped = True
        self._wake.set()
        await asyncio.wait([self._task])

    def count_ended(self) -> None:
        """Count a delivery as ended, so that the consumer may receive another one."""
        self._room += 1
        self._wake.set()

    async def _run(self) -> None:
        failures = 0
        while not self._is_stopped:
            self._wake.clear()
            if self._room <= 0:
                await self._wake.wait()
                continue
            try:
                for delivery in await self._bus.receive(self._queue, self._room):
                    await self._deliver(delivery)
                failures = 0
            except NeurovaError as error:
                failures += 1
                log_repeated(LOGGER, failures, error, "Queue %s cannot be read", self._queue)
                pause = min(0.2 * 2.0**failures, LONGEST_PAUSE)
                pause *= random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
                await asyncio.sleep(pause)

    async def _deliver(self, delivery: Delivery) -> None:
        if self._is_stopped:
            await self._bus.release(delivery)
            return
        self._room -= 1
        self._bus.unfinished[delivery.handle] = self
        self._receive(delivery)

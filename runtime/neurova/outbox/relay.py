"""The relay: publish the events in a service's outbox in order; delete them when confirmed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from ..bus.base import Bus, Message, Unroutable
from ..database.base import Database, KeyLocked
from ..database.event_tables import outbox
from ..errors import NeurovaError, Unavailable
from ..events.codec import with_head
from ..execution.repeated import log_repeated
from ..execution.transaction import run_in_transaction
from ..schemas.cache import SchemaCache
from .inbox import prune_inbox

LOGGER = logging.getLogger("neurova.events")

BATCH = 500  # events published at once; fewer after a failure, because the bus may be slow
POLL_SECONDS = 0.1  # between two checks for new events
TIMEOUT = 5.0  # seconds for each step
LONGEST_PAUSE = 5.0  # seconds between two attempts after failures
PRUNE_SECONDS = 600.0
_LOCK = hashlib.sha256(b"neurova outbox relay").digest()
_SELECT = select(outbox).order_by(outbox.c.seq)
_DELETE = outbox.delete().where(outbox.c.seq.in_(bindparam("seqs", expanding=True)))


Published = Callable[[Sequence[Message], int], None]
"""Receives confirmed messages, and the time when they were sent, in Unix nanoseconds."""


class Relay:
    """Publish the events of one service.

    A database lock lets one process at a time publish, so that events keep their order.
    `open_bus` returns the connected bus. If an event has no queue, `declare` creates the queues
    again; an event that still has no queue is dropped. `published` receives the messages that the
    bus has confirmed, and the time when they were sent.
    """

    def __init__(
        self,
        service: str,
        database: Callable[[], Database],
        open_bus: Callable[[], Awaitable[Bus]],
        schemas: SchemaCache,
        declare: Callable[[], Awaitable[None]],
        published: Published = lambda messages, started: None,
        clock: Callable[[], float] = time.time,
        poll: float = POLL_SECONDS,
    ) -> None:
        self.service = service
        self._database = database
        self._open_bus = open_bus
        self._unrouted: set[str] = set()
        self._schemas = schemas
        self._declare = declare
        self._published = published
        self._clock = clock
        self._poll = poll
        self._next_prune = 0.0
        self._limit = BATCH

    async def run(self) -> None:
        """Publish events until cancelled."""
        failures = 0
        while True:
            pause = self._poll
            try:
                if await self.relay_batch():
                    pause = 0.0
                await self.prune()
                failures = 0
            except Exception as error:
                failures += 1
                pause = min(POLL_SECONDS * 2**failures, LONGEST_PAUSE)
                pause *= random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
                text = "Events of %s wait in the outbox"
                log_repeated(LOGGER, failures, error, text, self.service)
            await asyncio.sleep(pause)

    async def relay_batch(self) -> int:
        """Publish one batch of events; return their number. Raises NeurovaError on failure."""
        if not await self._read(1):  # usually there are no events: skip the lock
            return 0
        try:
            lock = await self._database().lock_key(_LOCK, _deadline())
        except KeyLocked:
            return 0
        try:
            rows = await self._read(self._limit)
            if rows:
                await self._publish(rows)
                self._limit = min(self._limit * 2, BATCH)
            return len(rows)
        except Unavailable:
            self._limit = max(self._limit // 2, 1)
            raise
        finally:
            await lock.release()

    async def _publish(self, rows: Sequence[Any]) -> None:
        """Publish events in order; stop at the first whose schema cannot be registered."""
        messages, failure = [], None
        for row in rows:
            try:
                id = await self._schemas.register(row.event, row.schema)
            except NeurovaError as error:
                failure = error
                break
            body = with_head(id, row.body)
            messages.append(Message(row.id, row.event, body, row.time, row.trace_id))
        if messages:
            started = time.time_ns()
            await self._send(messages)
            await self._delete([row.seq for row in rows[: len(messages)]])
            self._published(messages, started)
        if failure is not None:
            raise failure

    async def _send(self, messages: Sequence[Message]) -> None:
        bus = await self._open_bus()
        try:
            await bus.publish(messages, _deadline())
        except Unroutable as error:
            await self._publish_again(
                bus, [each for each in messages if each.event in error.events]
            )

    async def _publish_again(self, bus: Bus, messages: Sequence[Message]) -> None:
        """Create deleted queues again and publish; drop events without subscriptions."""
        if self._unrouted.issuperset(message.event for message in messages):
            return
        await self._declare()
        try:
            await bus.publish(messages, _deadline())
        except Unroutable as error:
            LOGGER.warning("Events of %s are dropped: %s", self.service, error.what)
            self._unrouted.update(error.events)

    async def _read(self, limit: int) -> Sequence[Any]:
        tx = self._database().transaction(readonly=True, deadline=_deadline())
        try:
            return (await tx.execute(_SELECT.limit(limit))).all()
        finally:
            await tx.rollback()

    async def _delete(self, seqs: list[int]) -> None:
        tx = self._database().transaction(readonly=False, deadline=_deadline())
        await run_in_transaction(tx, lambda tx: tx.execute(_DELETE, {"seqs": seqs}))

    async def prune(self) -> None:
        """Delete old records of the inbox, every PRUNE_SECONDS."""
        now = self._clock()
        if now < self._next_prune:
            return
        self._next_prune = now + PRUNE_SECONDS
        while await prune_inbox(self._database(), now, _deadline()):
            pass


def _deadline() -> float:
    return asyncio.get_running_loop().time() + TIMEOUT

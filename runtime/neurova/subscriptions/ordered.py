"""Run an ordered subscription: the events of one key strictly one after the other.

If the first event of a key fails, it is parked in the service's database, and later events of the
key are parked behind it; other keys go on. A dead event stays parked until its dead letter is
replayed successfully or dropped.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from weakref import WeakValueDictionary

from ..bus.base import Delivery, add_failure
from ..database.base import Transaction
from ..events.event import Event
from ..outbox.inbox import AlreadyHandled, record_handled
from ..outbox.parked import find_first, find_key, list_keys, park, unpark
from .attempt import LOGGER
from .records import Outcome
from .runner import SubscriptionRunner

POLL_SECONDS = 0.5  # between two checks for parked events that are due


class OrderedRunner(SubscriptionRunner):
    """Handle the events of each key in order."""

    _poll: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start to receive events, and to handle parked ones."""
        self._arrivals = asyncio.Lock()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        await super().start()
        self._poll = asyncio.create_task(self._handle_parked())

    async def stop(self, drain: float) -> None:
        """Stop as `SubscriptionRunner.stop` does; parked events stay parked."""
        if self._poll is not None:
            self._poll.cancel()
            with suppress(asyncio.CancelledError):
                await self._poll
        await super().stop(drain)

    async def handle(self, delivery: Delivery) -> None:
        """Handle or park the event of a delivery, then handle the events parked behind it.

        Deliveries load their schemas one at a time and await nothing else before they lock their
        key, so that the deliveries of a key get the lock in order.
        """
        async with self._arrivals:
            await self.load_schema(delivery)
        try:
            key = self.function.order_key(
                self.function.decode(delivery.message, self._schemas.cached)
            )
        except Exception:  # `handle_now` reports the error
            await super().handle(delivery)
            return
        parked = await self._handle_if_of_key(delivery, key)
        if parked is not None:  # an edit changed the key, but the event keeps its place
            await self._handle_if_of_key(delivery, parked)

    async def _handle_if_of_key(self, delivery: Delivery, key: str) -> str | None:
        """Handle a delivery, unless it is parked under another key; return that key."""
        name, message = self.function.name, delivery.message
        async with self._lock(key), self.places:
            if self.is_stopping:
                await self._bus.release(delivery)
                return None
            parked: str | None = await self.transact(lambda tx: find_key(tx, name, message.id))
            if parked not in (None, key):
                return parked
            if await self._handle_first(delivery, key):
                await self._drain(key)
            return None

    async def run_ordered(self, key: str, delivery: Delivery, event: Event) -> Outcome:
        """Call the function in a transaction, or park the event if another event comes first."""
        function, message = self.function, delivery.message
        deadline = asyncio.get_running_loop().time() + function.description.timeout

        async def body(tx: Transaction) -> Outcome:
            first = await find_first(tx, function.name, key)
            if first is not None and first.delivery.message.id != message.id:
                if delivery.handle is None:  # another process has handled it
                    raise AlreadyHandled
                await park(tx, delivery, key, self.clock())
                return "parked"
            await record_handled(tx, function.name, message.id, self.clock())
            await function.call(event, message, deadline, tx)
            if first is not None:
                await unpark(tx, function.name, message.id)
            return "handled"

        outcome: Outcome = await self.transact(body)
        return outcome

    async def _handle_first(self, delivery: Delivery, key: str) -> bool:
        """Handle a delivery or the first parked event of a key; return whether the next may run."""
        started = time.perf_counter()
        outcome, cause, after = await self.attempt(delivery, partial(self.run_ordered, key))
        if outcome in ("retry", "dead"):
            now = self.clock()
            due = now + after if outcome == "retry" else None
            failures = add_failure(delivery, now, cause)
            attempt = delivery.attempt + (outcome == "retry")
            if outcome == "dead" and delivery.handle is None:
                # Do this before `park`: from then on, the key waits until this dead letter is
                # replayed or dropped.
                await self._bus.dead_letter(delivery, cause)
            await self.transact(
                lambda tx: park(tx, delivery, key, due, failures=failures, attempt=attempt)
            )
        elif outcome == "duplicate":
            await self.transact(lambda tx: unpark(tx, self.function.name, delivery.message.id))
        if delivery.handle is not None and outcome == "dead":
            await self._bus.dead_letter(delivery, cause)
        elif delivery.handle is not None:
            await self._bus.ack(delivery)
        self.report(delivery, outcome, started, cause)
        return outcome in ("handled", "duplicate")

    async def _drain(self, key: str) -> None:
        """Handle the parked events of a key that are due, in order."""
        while not self.is_stopping:
            first = await self.transact(lambda tx: find_first(tx, self.function.name, key))
            if first is None or first.due is None or first.due > self.clock():
                return
            await self.load_schema(first.delivery)
            if not await self._handle_first(first.delivery, key):
                return

    async def handle_due(self) -> None:
        """Handle the parked events that are due."""
        for key in await self.transact(lambda tx: list_keys(tx, self.function.name)):
            async with self._lock(key):
                await self._drain(key)

    async def _handle_parked(self) -> None:
        """Handle parked events when they are due, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.handle_due()
            except Exception as error:
                LOGGER.error("%s: parked events cannot be handled: %s", self.function.name, error)

    def _lock(self, key: str) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

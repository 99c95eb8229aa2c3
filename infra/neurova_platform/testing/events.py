"""The events of a test: relays, subscriptions and schedules that run when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from neurova.bus.base import Message
from neurova.bus.sqlite.bus import SqliteBus
from neurova.dead_letters.letters import DeadLetterDetails
from neurova.errors import Unavailable
from neurova.events.codec import decode_values
from neurova.outbox.relay import Relay
from neurova.subscriptions.ordered import OrderedRunner
from neurova.subscriptions.records import EventRecord

from ..composition.platform import Platform
from ..composition.state import has_state
from .clock import Clock

TIMEOUT = 60.0  # seconds
POLL_SECONDS = 0.001


class PublishedEvent(msgspec.Struct, frozen=True):
    """A published event; `name` is "<service>.<class>", `values` are its fields."""

    name: str
    values: dict[str, Any]
    id: str
    time: float
    trace_id: str


class EventRunner:
    """Run the relays, subscriptions and schedules of a platform whose own process runs none."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.time()
        self.records: list[EventRecord] = []
        self._platform = platform
        self._events = platform.events
        self._messages: list[Message] = []
        self._relays: dict[str, Relay] = {}

    async def published(self) -> list[PublishedEvent]:
        """Relay what the outboxes hold, and return all published events."""
        await self._relay()
        find_schema = self._events.schemas.find
        return [
            PublishedEvent(
                each.event, decode_values(each.body, find_schema), each.id, each.time, each.trace_id
            )
            for each in sorted(self._messages, key=lambda each: each.time)
        ]

    async def run(self) -> list[EventRecord]:
        """Run relays and subscriptions until nothing is left to do; return the new records.

        Raises Unavailable if they do not come to rest.
        """
        start = len(self.records)
        services = list(self._platform.services.values())
        try:
            for service in services:
                await self._events.start_subscriptions(service)
            async with asyncio.timeout(TIMEOUT):
                while not await self._step():
                    pass
        except TimeoutError:
            raise Unavailable(
                f"events are still being handled after {TIMEOUT:g} s",
                fix="look for subscriptions that publish what they receive, or never return",
            ) from None
        finally:
            for service in services:
                await self._events.stop_subscriptions(service.name)
        return self.records[start:]

    async def run_schedules(self) -> list[EventRecord]:
        """Run each schedule that is due; return what happened."""
        from neurova.schedules.runner import ScheduleRunner

        records: list[EventRecord] = []
        for _, service in sorted(self._platform.services.items()):
            for function in service.schedules:
                runner = ScheduleRunner(function, records.append, self._clock.time)
                await runner.register(self._start)
                await runner.run_due()
        return records

    async def dead_letters(self, queue: str) -> list[DeadLetterDetails]:
        """Return the dead letters of a queue."""
        letters = self._events.dead_letters()
        return [await letters.show(queue, each.id) for each in await letters.search(queue)]

    async def _step(self) -> bool:
        """Relay, wait until the queues are empty, and return whether nothing is left to do."""
        bus = await self._events.open_bus()
        assert isinstance(bus, SqliteBus)  # tests always use the embedded bus
        await self._relay()
        runners = [runner for runners in self._events.runners.values() for runner in runners]
        while True:
            if bus.is_idle and all(runner.is_idle for runner in runners):
                break
            await asyncio.sleep(POLL_SECONDS)
        for runner in runners:
            if isinstance(runner, OrderedRunner):
                await runner.handle_due()
        return not await self._relay() and bus.is_idle

    async def _relay(self) -> int:
        """Publish the events in all outboxes; return their number."""
        services = self._platform.services
        if not self._relays and self._events.subscriptions():
            await self._events.declare()
        count = 0
        for name, service in services.items():
            if not has_state(self._platform.settings, name):
                continue
            if name not in self._relays:
                self._relays[name] = self._events.make_relay(service, self._keep)
            while number := await self._relays[name].relay_batch():
                count += number
        return count

    def _keep(self, messages: Sequence[Message]) -> None:
        self._messages.extend(messages)

"""The events of a test: relays, subscriptions and schedules run when the test calls a method."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import msgspec

from neurova.bus.base import LONGEST_RETRY, Delivery, Message
from neurova.bus.sqlite.bus import SqliteBus
from neurova.dead_letters.letters import DeadLetterDetails
from neurova.errors import NeurovaError, Unavailable
from neurova.events.codec import (
    EventCodec,
    InvalidEvent,
    UndecodableEvent,
    codec_of,
    decode_values,
    with_head,
)
from neurova.events.event import event_name
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
    """Run the relays, subscriptions and schedules of a platform that does not run them itself."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.time()
        self.records: list[EventRecord] = []
        self._platform = platform
        self._events = platform.events
        self._messages: list[Message] = []
        self._relays: dict[str, Relay] = {}

    async def published(self) -> list[PublishedEvent]:
        """Relay the events in the outboxes, and return all published events."""
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

        Raises Unavailable if there is still work after the timeout.
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

    async def deliver(self, queue: str, event: str, values: Mapping[str, Any]) -> list[EventRecord]:
        """Run one subscription with an event until it is handled or dead; return the records.

        Raises NeurovaError if the subscription does not exist, InvalidEvent for invalid values.
        """
        body = await self._encode(self._find_codec(queue, event), values)
        traceparent = f"00-{uuid4().hex}-{uuid4().hex[:16]}-00"
        message = Message(uuid4().hex, event, body, self._clock.time(), traceparent)
        await self._events.declare()
        bus = await self._events.open_bus()
        # Replay a dead letter, because a published message would go to all queues of the event.
        await bus.dead_letter(Delivery(message, queue), "delivered by a test")
        await bus.replay(queue, [message.id])
        records = await self.run()
        while [each.outcome for each in records if each.id == message.id][-1:] == ["retry"]:
            self._clock.advance(LONGEST_RETRY)
            records += await self.run()
        return records

    def _find_codec(self, queue: str, event: str) -> EventCodec[Any]:
        """Return the publisher's codec of an event, or the subscription's if none publishes it."""
        subscriptions = {each.name: each for each in self._events.subscriptions()}
        if queue not in subscriptions:
            names = ", ".join(sorted(subscriptions)) or "none"
            raise NeurovaError(f"there is no subscription {queue!r}", fix=f"subscriptions: {names}")
        codecs = subscriptions[queue].codecs
        if event not in codecs:
            raise UndecodableEvent(f"{queue} does not receive event {event!r}")
        for service in self._platform.services.values():
            for each in service.events:
                if event_name(each) == event:
                    return codec_of(each)
        return codecs[event]

    async def _encode(self, codec: EventCodec[Any], values: Mapping[str, Any]) -> bytes:
        try:
            event = msgspec.convert(dict(values), codec.event, strict=False, str_keys=True)
        except msgspec.ValidationError as error:
            raise InvalidEvent(f"the values do not fit event {codec.name}: {error}") from None
        encoded = codec.encode(event)
        id = await self._events.schemas.register(codec.name, encoded.schema)
        return with_head(id, encoded.body)

    async def run_schedules(self) -> list[EventRecord]:
        """Run each schedule that is due; return the records of the runs."""
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

    def _keep(self, messages: Sequence[Message], started: int) -> None:
        self._messages.extend(messages)

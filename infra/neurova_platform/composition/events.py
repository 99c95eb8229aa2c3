"""Publish and consume events: the bus, its subscriptions and the relays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from neurova.bus.base import Bus, Message, Queue
from neurova.database.base import Database
from neurova.errors import NeurovaError, Unavailable
from neurova.events.event import event_name
from neurova.loading.service import Service
from neurova.schemas.cache import SchemaCache
from neurova.settings.settings import Settings
from neurova.subscriptions.function import SubscriptionFunction
from neurova.subscriptions.records import EventRecord, ReportEvent
from neurova.traces.conventions import message_attributes
from neurova.traces.span import PRODUCER
from neurova.traces.tracer import Tracer

from . import backends, queue_file
from .state import has_state

if TYPE_CHECKING:  # they import SQLAlchemy, which would slow projects without a database
    from neurova.dead_letters.letters import DeadLetters
    from neurova.outbox.relay import Published, Relay
    from neurova.schedules.runner import ScheduleRunner
    from neurova.subscriptions.runner import SubscriptionRunner

LOGGER = logging.getLogger("neurova.events")

EventRole = Literal["subscriptions", "relay", "warehouse"]
WAREHOUSE_QUEUE = "neurova.warehouse"
"""The queue of all events, which the process that writes the warehouse consumes."""
DECLARE_TIMEOUT = 30.0  # seconds
RESTART_SECONDS = 2.0  # between attempts to start subscriptions while the bus is down
IDLE_POLL_SECONDS = 5.0  # between polls of the outbox of a service that declares no events


class EventSystem:
    """Run the relays, subscriptions and schedules of the served services, for the given `roles`.

    The role `subscriptions` also runs schedules. The bus is opened when the first subscription or
    event needs it. `database` returns the database of a service; `report` receives a record of each
    event and of each run of a schedule; `tracer` records their spans.
    """

    def __init__(
        self,
        settings: Settings,
        roles: Iterable[EventRole],
        database: Callable[[str], Database],
        report: ReportEvent,
        clock: Callable[[], float],
        tracer: Tracer | None = None,
    ) -> None:
        self.roles = frozenset(roles)
        self.runners: dict[str, list[SubscriptionRunner]] = {}
        self.relays: dict[str, Relay] = {}
        self.schedules: dict[str, list[ScheduleRunner]] = {}
        self.creates_queues = True
        self._settings = settings
        self.database = database
        self._report = report
        self._clock = clock
        self._tracer = tracer or Tracer()
        self._services: Mapping[str, Service] = {}
        self._bus: Bus | None = None
        self._schemas: SchemaCache | None = None
        self._opening = asyncio.Lock()
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    @property
    def schemas(self) -> SchemaCache:
        """Return the schemas of events."""
        if self._schemas is None:
            self._schemas = SchemaCache(backends.open_registry(self._settings))
        return self._schemas

    def subscriptions(self) -> list[SubscriptionFunction]:
        """Return the subscriptions of all served services."""
        return [each for service in self._services.values() for each in service.subscriptions]

    def queues(self) -> list[Queue]:
        """Return the queues of all subscriptions, and the warehouse's queue if it is enabled."""
        queues = [each.queue for each in self.subscriptions()]
        events = {event_name(each) for one in self._services.values() for each in one.events}
        if self._settings.warehouse.enabled and events:
            queues.append(Queue(WAREHOUSE_QUEUE, tuple(sorted(events))))
        return queues

    def dead_letters(self) -> DeadLetters:
        """Return the dead letters of all subscriptions that use this state folder."""
        from neurova.dead_letters.letters import DeadLetters

        def queues() -> list[Queue]:
            return queue_file.read(self._settings.state)

        return DeadLetters(self.open_bus, self.schemas.find, self.database, queues)

    async def open_bus(self) -> Bus:
        """Return the bus, connected. Raises NeurovaError if it cannot be used."""
        async with self._opening:
            if self._bus is None:
                bus = backends.open_bus(self._settings, self._clock)
                await bus.start()
                await self._declare(bus, self._warehouse_queue())
                self._bus = bus
            return self._bus

    async def serve(self, services: Mapping[str, Service]) -> None:
        """Replace the served services: run the subscriptions and relays of the given services.

        When a service was reloaded, its old subscriptions finish their calls before its new
        subscriptions start.
        """
        before, self._services = self._services, services
        queue_file.write(self._settings.state, self.queues())
        if self._bus is not None:  # a reload may have added events
            await self._declare(self._bus, self._warehouse_queue())
        changed = [name for name in services if services[name] is not before.get(name)]
        removed = [name for name in before if name not in services]
        for name in (*changed, *removed):
            await self._stop_service(name)
        for name in changed:
            if "subscriptions" in self.roles and services[name].subscriptions:
                try:
                    await self.start_subscriptions(services[name])
                except Unavailable as error:
                    LOGGER.error("Subscriptions of %s wait for the bus: %s", name, error)
                    self._start_task(name, self._keep_starting(services[name]))
            if "subscriptions" in self.roles and services[name].schedules:
                for runner in self.schedule_runners(services[name]):
                    runner.start()
            if "relay" in self.roles and has_state(self._settings, name):
                self._start_relay(services[name])

    async def declare(self) -> None:
        """Create all queues, unless the deployment creates them."""
        if self.creates_queues:
            await self._declare(await self.open_bus(), self.queues())

    async def stop(self) -> None:
        """Stop the relays and subscriptions, and close the bus."""
        await asyncio.gather(*map(self._stop_service, self._services))
        self._services = {}
        if self._bus is not None:
            await self._bus.close()
            self._bus = None
        if self._schemas is not None:
            self._schemas.close()
            self._schemas = None

    async def start_subscriptions(self, service: Service) -> None:
        """Run the subscriptions of a service. Raises NeurovaError if the bus cannot be used."""
        bus = await self.open_bus()
        await self._declare(bus, [each.queue for each in service.subscriptions])
        runners = self.runners[service.name] = []
        for function in service.subscriptions:
            runner = self.make_runner(function, bus)
            try:
                await runner.start()
            except BaseException:
                await self.stop_subscriptions(service.name)
                raise
            runners.append(runner)

    def make_runner(self, function: SubscriptionFunction, bus: Bus) -> SubscriptionRunner:
        """Return the runner of a subscription, not started."""
        from neurova.subscriptions.ordered import OrderedRunner
        from neurova.subscriptions.runner import SubscriptionRunner

        kind = OrderedRunner if function.description.ordered else SubscriptionRunner
        return kind(function, bus, self.schemas, self._report, self._clock, self._tracer)

    def schedule_runners(self, service: Service) -> list[ScheduleRunner]:
        """Return the runners of a service's schedules; this does not start them."""
        from neurova.schedules.runner import ScheduleRunner

        if service.name not in self.schedules:
            self.schedules[service.name] = [
                ScheduleRunner(each, self._report, self._clock, tracer=self._tracer)
                for each in service.schedules
            ]
        return self.schedules[service.name]

    def _warehouse_queue(self) -> list[Queue]:
        return [each for each in self.queues() if each.name == WAREHOUSE_QUEUE]

    async def _declare(self, bus: Bus, queues: Sequence[Queue]) -> None:
        if queues:
            deadline = asyncio.get_running_loop().time() + DECLARE_TIMEOUT
            await bus.declare(queues, deadline)

    def make_relay(self, service: Service, published: Published | None = None) -> Relay:
        """Return the relay of a service; `published` is called with the events it has published."""
        from neurova.outbox.relay import POLL_SECONDS, Relay

        return Relay(
            service.name,
            lambda: self.database(service.name),
            self.open_bus,
            self.schemas,
            self.declare,
            published or self._report_published,
            self._clock,
            POLL_SECONDS if service.publishes else IDLE_POLL_SECONDS,
        )

    def _start_relay(self, service: Service) -> None:
        relay = self.relays[service.name] = self.make_relay(service)
        self._start_task(service.name, relay.run())

    async def _keep_starting(self, service: Service) -> None:
        """Retry until the bus responds and the subscriptions have started."""
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            try:
                return await self.start_subscriptions(service)
            except Unavailable:
                continue
            except NeurovaError as error:
                return LOGGER.error("Subscriptions of %s cannot run: %s", service.name, error)

    def _start_task(self, service: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.setdefault(service, []).append(asyncio.create_task(work))

    async def _stop_service(self, name: str) -> None:
        stopping = [each.stop(self._settings.bus.drain) for each in self.schedules.pop(name, ())]
        await asyncio.gather(*stopping)
        tasks = self._tasks.pop(name, [])
        self.relays.pop(name, None)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.stop_subscriptions(name)

    async def stop_subscriptions(self, name: str) -> None:
        """Stop the subscriptions of a service concurrently, as each may wait for a poll to end."""

        async def stop(runner: SubscriptionRunner) -> None:
            try:
                await runner.stop(self._settings.bus.drain)
            except NeurovaError as error:
                LOGGER.error("Subscription %s did not stop: %s", runner.function.name, error)

        await asyncio.gather(*map(stop, self.runners.pop(name, [])))

    def _report_published(self, messages: Sequence[Message], started: int) -> None:
        now, system = self._clock(), self._bus.system if self._bus else ""
        for each in messages:
            attributes = message_attributes("send", each.event, each.id, system)
            name = f"send {each.event}"
            self._tracer.record_child(each.traceparent, name, PRODUCER, started, attributes)
            self._report(EventRecord(now, "published", each.event, each.id, each.trace_id))

"""Run one subscription: receive events, call its function, and ack, retry or dead-letter them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from ..bus.base import Bus, Consumer, Delivery
from ..database.base import Transaction
from ..errors import NeurovaError
from ..events.codec import UndecodableEvent
from ..events.event import Event
from ..outbox.inbox import record_handled
from ..schemas.cache import SchemaCache
from ..traces.conventions import message_attributes
from ..traces.span import CONSUMER
from ..traces.tracer import Tracer
from .attempt import LOGGER, attempt
from .function import SubscriptionFunction
from .records import EventRecord, Outcome, ReportEvent

REGISTRY_PAUSE = 1.0  # seconds between two attempts to read a schema from a registry that is down


class SubscriptionRunner:
    """Call a function for each event of its queue. `clock` returns Unix seconds."""

    def __init__(
        self,
        function: SubscriptionFunction,
        bus: Bus,
        schemas: SchemaCache,
        report: ReportEvent,
        clock: Callable[[], float] = time.time,
        tracer: Tracer | None = None,
    ) -> None:
        self.function = function
        self.clock = clock
        self._bus = bus
        self._schemas = schemas
        self._report = report
        self._tracer = tracer or Tracer()
        self._consumer: Consumer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[Any]] = set()  # tasks that wait for a schema
        self.places = asyncio.Semaphore(function.description.concurrency)
        self.is_stopping = False

    @property
    def is_idle(self) -> bool:
        """Whether all deliveries are finished."""
        return not self._tasks

    async def start(self) -> None:
        """Start to receive events. The queue must be declared."""
        prefetch = self.function.description.prefetch
        self._consumer = await self._bus.consume(self.function.name, prefetch, self._receive)

    async def stop(self, drain: float) -> None:
        """Receive no more events; release events whose calls last longer than `drain` seconds."""
        self.is_stopping = True
        if self._consumer is not None:
            await self._consumer.stop()
        for task in self._waiting:
            task.cancel()
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=drain)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)

    def _receive(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self._process(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _process(self, delivery: Delivery) -> None:
        """Handle one delivery; if that fails, the bus delivers the event again."""
        try:
            await self.handle(delivery)
        except asyncio.CancelledError:
            with suppress(NeurovaError):
                await self._bus.release(delivery)
        except NeurovaError as error:
            LOGGER.error("%s: the delivery could not be ended: %s", self.function.name, error)
        except Exception:
            LOGGER.exception("%s: the delivery could not be ended", self.function.name)

    async def handle(self, delivery: Delivery) -> None:
        """Call the function with the event of a delivery when the concurrency limit allows it."""
        await self.load_schema(delivery)
        async with self.places:
            if self.is_stopping:
                await self._bus.release(delivery)
            else:
                await self.handle_now(delivery)

    async def handle_now(self, delivery: Delivery) -> None:
        """Call the function now; then ack, retry or dead-letter the delivery."""
        started = time.perf_counter()
        outcome, cause, after = await self.attempt(delivery, self.run)
        if outcome == "retry":
            await self._bus.retry(delivery, after, cause)
        elif outcome == "dead":
            await self._bus.dead_letter(delivery, cause)
        else:
            await self._bus.ack(delivery)
        self.report(delivery, outcome, started, cause)

    async def load_schema(self, delivery: Delivery) -> None:
        """Cache the schema of a delivery; wait while the registry is down."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        is_logged = False
        try:
            while not self._schemas.is_cached(delivery.message.body):
                if self.is_stopping:
                    raise asyncio.CancelledError
                try:
                    await self._schemas.load(delivery.message.body)
                except UndecodableEvent:
                    raise
                except NeurovaError as error:
                    if not is_logged:
                        LOGGER.error("%s waits for a schema: %s", self.function.name, error)
                    is_logged = True
                    await asyncio.sleep(REGISTRY_PAUSE)
        except UndecodableEvent:
            pass  # `attempt` cannot decode the event and reports the error
        finally:
            self._waiting.discard(task)

    async def attempt(
        self, delivery: Delivery, run: Callable[[Delivery, Event], Awaitable[Outcome]]
    ) -> tuple[Outcome, str, float]:
        """Decode and run a delivery after `load_schema`.

        Return the outcome, the cause, and the seconds until the retry.
        """

        async def decode_and_run() -> Outcome:
            event = self.function.decode(delivery.message, self._schemas.cached)
            return await run(delivery, event)

        message = delivery.message
        what = f"event {message.id}"
        attributes = message_attributes("process", message.event, message.id, self._bus.system)
        attributes["messaging.consumer.group.name"] = self.function.name
        attributes["neurova.attempt"] = delivery.attempt
        if delivery.attempt == 1 and delivery.failures:
            attributes["neurova.replayed"] = True
        name = f"process {self.function.name}"
        with self._tracer.entry(
            name, CONSUMER, self.function.name, message.traceparent, **attributes
        ) as span:
            result = await attempt(self.function, what, delivery.attempt, decode_and_run)
            outcome, span.error, _ = result
            span.attributes["neurova.outcome"] = outcome
            if outcome == "dead":
                await self.function.give_up(message, self._schemas.cached)
        return result

    async def run(self, delivery: Delivery, event: Event) -> Outcome:
        """Call the function; with a `Tx`, in a transaction that records the event as handled."""
        function, message = self.function, delivery.message
        deadline = asyncio.get_running_loop().time() + function.description.timeout
        if not function.uses_transaction:
            await function.call(event, message, deadline, None)
            if delivery.failures:  # a replay may wait for this record
                await self.transact(
                    lambda tx: record_handled(tx, function.name, message.id, self.clock())
                )
            return "handled"

        async def body(tx: Transaction) -> Outcome:
            await record_handled(tx, function.name, message.id, self.clock())
            await function.call(event, message, deadline, tx)
            return "handled"

        outcome: Outcome = await self.transact(body)
        return outcome

    async def transact(self, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
        """Run `body` in a transaction of the service's database, then after-commit callbacks."""
        return await self.function.transact(body)

    def report(self, delivery: Delivery, outcome: Outcome, started: float, cause: str = "") -> None:
        """Report the outcome of a delivery."""
        message = delivery.message
        self._report(
            EventRecord(
                time=self.clock(),
                outcome=outcome,
                event=message.event,
                id=message.id,
                trace_id=message.trace_id,
                subscription=self.function.name,
                attempt=delivery.attempt,
                ms=(time.perf_counter() - started) * 1000,
                cause=cause,
                published=message.time,
            )
        )

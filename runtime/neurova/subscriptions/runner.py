"""Run one subscription: receive events, call its function, and end each delivery."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from ..bus.base import LONGEST_RETRY, MAX_CAUSE, Bus, Consumer, Delivery
from ..database.base import Callback, Transaction
from ..errors import NeurovaError
from ..events.codec import FindSchema, UndecodableEvent
from ..events.event import Event
from ..execution.callbacks import run_callbacks
from ..execution.transaction import run_in_transaction
from ..functions.subscription import Subscription
from ..http.problem import Reject
from ..outbox.inbox import AlreadyHandled, record_handled
from .function import SubscriptionFunction
from .records import EventRecord, Outcome, ReportEvent, Retry

LOGGER = logging.getLogger("neurova.events")


class _Run:
    """The run of a transaction; see `execution.transaction.Run`."""

    def __init__(self) -> None:
        self.is_committing = False
        self.after_reply: tuple[Callback, ...] = ()

    @property
    def is_stopped(self) -> bool:
        """Whether the task was cancelled."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0


class SubscriptionRunner:
    """Call a function for each event of its queue. `clock` returns Unix seconds."""

    def __init__(
        self,
        function: SubscriptionFunction,
        bus: Bus,
        find_schema: FindSchema,
        report: ReportEvent,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.function = function
        self.clock = clock
        self._bus = bus
        self._find_schema = find_schema
        self._report = report
        self._consumer: Consumer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.places = asyncio.Semaphore(function.description.concurrency)
        self.is_stopping = False

    @property
    def is_idle(self) -> bool:
        """Whether no delivery is unfinished."""
        return not self._tasks

    async def start(self) -> None:
        """Start to receive events. The queue must be declared."""
        prefetch = self.function.description.prefetch
        self._consumer = await self._bus.consume(self.function.name, prefetch, self._receive)

    async def stop(self, drain: float) -> None:
        """Receive no more events; release those whose calls last longer than `drain` seconds."""
        self.is_stopping = True
        if self._consumer is not None:
            await self._consumer.stop()
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
        """Handle one delivery and end it; the bus delivers it again if that fails."""
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
        """Call the function with the event of a delivery, then end the delivery."""
        async with self.places:
            if self.is_stopping:
                await self._bus.release(delivery)
            else:
                await self.handle_now(delivery)

    async def handle_now(self, delivery: Delivery) -> None:
        """Handle a delivery without waiting for others."""
        started = time.perf_counter()
        outcome, cause, after = await self.attempt(delivery, self.run)
        if outcome == "retry":
            await self._bus.retry(delivery, after, cause)
        elif outcome == "dead":
            await self._bus.dead_letter(delivery, cause)
        else:
            await self._bus.ack(delivery)
        self.report(delivery, outcome, started, cause)

    async def attempt(
        self, delivery: Delivery, run: Callable[[Delivery, Event], Awaitable[Outcome]]
    ) -> tuple[Outcome, str, float]:
        """Decode and run a delivery; return the outcome, the cause, and seconds until the retry."""
        try:
            event = self.function.decode(delivery.message, self._find_schema)
            async with asyncio.timeout(self.function.description.timeout):
                return await run(delivery, event), "", 0.0
        except AlreadyHandled:
            return "duplicate", "", 0.0
        except Exception as error:
            outcome, after = decide(error, delivery.attempt, self.function.description)
            cause = describe(error, self.function)
            LOGGER.warning(
                "%s failed with event %s (attempt %d, %s): %s",
                self.function.name,
                delivery.message.id,
                delivery.attempt,
                f"retry in {after:.1f} s" if outcome == "retry" else "dead-lettered",
                cause,
                exc_info=error if _is_unexpected(error) and delivery.attempt == 1 else None,
            )
            return outcome, cause, after

    async def run(self, delivery: Delivery, event: Event) -> Outcome:
        """Call the function; with a `Tx`, in a transaction that records the event as handled."""
        function, message = self.function, delivery.message
        deadline = asyncio.get_running_loop().time() + function.description.timeout
        if not function.uses_transaction:
            await function.call(event, message, deadline, None)
            return "handled"

        async def body(tx: Transaction) -> Outcome:
            tx.trace_id = int(message.trace_id or "0", 16)
            await record_handled(tx, function.name, message.id, self.clock())
            await function.call(event, message, deadline, tx)
            return "handled"

        outcome: Outcome = await self.transact(body)
        return outcome

    async def transact(self, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
        """Run `body` in a transaction of the service's database, then its callbacks."""
        timeout = self.function.description.timeout
        deadline = asyncio.get_running_loop().time() + timeout
        database = self.function.resources.database()
        transaction = database.transaction(readonly=False, deadline=deadline)
        run = _Run()
        result = await run_in_transaction(transaction, body, run)
        await run_callbacks(run.after_reply, self.function.name, timeout)
        return result

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
            )
        )


def _is_unexpected(error: Exception) -> bool:
    return not isinstance(error, Reject | Retry | NeurovaError)


def decide(error: Exception, attempt: int, description: Subscription) -> tuple[Outcome, float]:
    """Return whether to retry after an error or to dead-letter, and the seconds until the retry."""
    if isinstance(error, Reject | UndecodableEvent) or attempt > description.retries:
        return "dead", 0.0
    if isinstance(error, Retry):
        return "retry", min(max(error.after, 0.0), LONGEST_RETRY)
    longest = min(description.backoff * 2 ** (attempt - 1), LONGEST_RETRY)
    return "retry", longest * random.uniform(0.75, 1)  # noqa: S311 - jitter, not a secret


def describe(error: Exception, function: SubscriptionFunction) -> str:
    """Return the cause of a failure: the error, and the line of the service's code."""
    if isinstance(error, TimeoutError) and not str(error):
        return f"TimeoutError: not finished after {function.description.timeout:g} s"
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, Reject):
        text = f"Reject: {error.status} {error.detail}"
    folder = f"/functions/{function.service}/"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame for frame in frames if folder in frame.filename]
    if lines:
        name = lines[-1].filename.rpartition(folder)[2]
        text += f" ({folder[1:]}{name}:{lines[-1].lineno})"
    return text[:MAX_CAUSE]

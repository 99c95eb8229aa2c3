"""Run one schedule: wait until it is due, and run it in only one of all processes."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Callable

from ..database.base import KeyLock, KeyLocked, Transaction
from ..execution.repeated import log_repeated
from ..outbox.inbox import AlreadyHandled
from ..subscriptions.attempt import LOGGER, attempt
from ..subscriptions.records import EventRecord, Outcome, ReportEvent
from ..traces.span import INTERNAL
from ..traces.tracer import Tracer
from .function import ScheduledFunction
from .store import ScheduleState, find_state, finish, postpone, register

POLL_SECONDS = 1.0  # longest sleep, so that a changed clock is noticed
LOCK_TIMEOUT = 5.0  # seconds to wait for the lock, which a process holds while it runs the function
LATE_SECONDS = 60.0  # with `catch_up=False`, skip an occurrence that is later than this
NEW_SECONDS = 120.0  # a timer is at most this late for the first occurrence of a new schedule
FUTURE_SECONDS = 86_400.0  # an occurrence recorded further ahead comes from a wrong clock


class ScheduleRunner:
    """Run a function at each occurrence of its schedule, once among all processes.

    A lock in the service's database lets one process at a time run it. A handler with a `Tx` takes
    effect once, because its transaction also records the occurrence. A handler without a `Tx` runs
    at least once. `clock` returns Unix seconds.
    """

    def __init__(
        self,
        function: ScheduledFunction,
        report: ReportEvent,
        clock: Callable[[], float] = time.time,
        poll: float = POLL_SECONDS,
        tracer: Tracer | None = None,
    ) -> None:
        self.function = function
        self._report = report
        self._tracer = tracer or Tracer()
        self._clock = clock
        self._poll = poll
        self._lock_name = hashlib.sha256(f"neurova schedule {function.name}".encode()).digest()
        self._finished: float | None = None  # None: not registered yet
        self._quiet = (0.0, 0.0)  # start and end of a time in which nothing is due
        self._running = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to run the schedule."""
        self._task = asyncio.create_task(self._run())

    async def stop(self, drain: float) -> None:
        """Start no more runs; cancel a run that lasts longer than `drain` seconds."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            async with asyncio.timeout(drain), self._running:
                task.cancel()
        except TimeoutError:
            task.cancel()
        await asyncio.wait([task])

    async def _run(self) -> None:
        """Run the schedule until cancelled."""
        failures = 0
        while True:
            pause = self._poll
            try:
                has_run = await self.run_due()
                failures = 0
                quiet = self._quiet[1] - self._clock()
                if has_run or 0 < quiet < pause:
                    pause = 0.0 if has_run else quiet
            except Exception as error:
                failures += 1
                pause *= min(failures, 5) * random.uniform(0.5, 1)  # noqa: S311 - jitter
                text = "Schedule %s cannot run"
                log_repeated(LOGGER, failures, error, text, self.function.name)
            await asyncio.sleep(pause)

    async def register(self, now: float) -> None:
        """Record the schedule if it is new or changed; its first occurrence is after `now`."""

        async def body(tx: Transaction) -> float:
            name, latest = self.function.name, now + FUTURE_SECONDS
            await register(tx, name, str(self.function.description), now, latest)
            state = await find_state(tx, name)
            return state.finished if state else now

        self._finished = await self.function.transact(body)

    async def run_due(self) -> bool:
        """Run the latest occurrence if no process has run it; return whether this call ran it.

        Raises NeurovaError if the database cannot be used.
        """
        async with self._running:
            now = self._clock()
            if self._finished is None:
                await self.register(now)
            assert self._finished is not None
            if self._quiet[0] <= now < self._quiet[1]:
                return False
            occurrence = self.function.occurrences.latest(now)
            if occurrence is None or occurrence <= self._finished <= now + FUTURE_SECONDS:
                following = self.function.occurrences.following(now)
                self._quiet = (now, now + self._poll if following is None else following)
                return False
            return await self._run_locked()

    async def run_latest(self) -> bool:
        """Run the latest occurrence as `run_due` does, when an external timer fires.

        Unlike `run_due`, this also runs the first occurrence of an unregistered schedule.
        """
        now = self._clock()
        occurrence = self.function.occurrences.latest(now)
        if self._finished is None and occurrence and now - occurrence < NEW_SECONDS:
            await self.register(occurrence - 1)
        return await self.run_due()

    async def _run_locked(self) -> bool:
        """Take the lock and run the latest occurrence, unless its recorded state forbids it."""
        deadline = asyncio.get_running_loop().time() + LOCK_TIMEOUT
        try:
            lock = await self.function.resources.database().lock_key(self._lock_name, deadline)
        except KeyLocked:
            return False
        try:
            name = self.function.name
            state: ScheduleState | None = await self.function.transact(
                lambda tx: find_state(tx, name), lock.transaction
            )
            now = self._clock()  # read the clock again: waiting for the lock takes time
            occurrence = self.function.occurrences.latest(now)
            if state is None or occurrence is None or state.finished > now + FUTURE_SECONDS:
                LOGGER.warning("Schedule %s starts anew: its record is lost or ahead", name)
                self._finished = None
                return False
            return await self._run_unfinished(lock, state, occurrence, now)
        finally:
            await lock.release()

    async def _run_unfinished(
        self, lock: KeyLock, state: ScheduleState, occurrence: float, now: float
    ) -> bool:
        attempts = state.attempt if state.pending == occurrence else 0
        if occurrence <= state.finished:
            self._finished = state.finished
        elif not attempts and self._is_missed(occurrence, now):
            await self._finish(lock, occurrence)
        elif attempts and state.due > now:
            self._quiet = (now, state.due)
        else:
            await self._attempt(lock, occurrence, attempts + 1)
            return True
        return False

    def _is_missed(self, occurrence: float, now: float) -> bool:
        return not self.function.description.catch_up and now - occurrence > LATE_SECONDS

    async def _attempt(self, lock: KeyLock, occurrence: float, number: int) -> None:
        """Run the function once, record the result and report it."""
        started = time.perf_counter()
        scheduled = self.function.time_of(occurrence).isoformat()

        async def run() -> Outcome:
            return await self._call(lock, occurrence)

        name = self.function.name
        attributes = {"faas.trigger": "timer", "faas.time": scheduled, "neurova.attempt": number}
        with self._tracer.entry(f"run {name}", INTERNAL, name, "", **attributes) as span:
            what = f"the run of {scheduled}"
            outcome, cause, after = await attempt(self.function, what, number, run)
            span.error = cause
            span.attributes["neurova.outcome"] = outcome
        if outcome == "retry":
            due = self._clock() + after
            await self.function.transact(
                lambda tx: postpone(tx, self.function.name, occurrence, number, due),
                lock.transaction,
            )
        elif outcome == "dead":
            await self._finish(lock, occurrence)
        else:
            self._finished = occurrence
        self._report(
            EventRecord(
                time=self._clock(),
                outcome=outcome,
                event=str(self.function.description),
                id=scheduled,
                trace_id=f"{span.context.trace_id:032x}",
                subscription=self.function.name,
                attempt=number,
                ms=(time.perf_counter() - started) * 1000,
                cause=cause,
            )
        )

    async def _call(self, lock: KeyLock, occurrence: float) -> Outcome:
        """Call the function; with a `Tx`, in the transaction that records the occurrence."""
        function = self.function
        deadline = asyncio.get_running_loop().time() + function.description.timeout
        if not function.uses_transaction:
            await function.call(occurrence, deadline, None)
            await self._finish(lock, occurrence)
            return "handled"

        async def body(tx: Transaction) -> None:
            await function.call(occurrence, deadline, tx)
            # Record this last, so that the handler blocks no other writers while it waits.
            if not await finish(tx, function.name, occurrence):
                raise AlreadyHandled(f"{function.name} has run: the lock was lost")

        await function.transact(body, lock.transaction)
        return "handled"

    async def _finish(self, lock: KeyLock, occurrence: float) -> None:
        """Record that an occurrence needs no further run."""
        await self.function.transact(
            lambda tx: finish(tx, self.function.name, occurrence), lock.transaction
        )
        self._finished = occurrence

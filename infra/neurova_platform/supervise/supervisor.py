"""The supervisor: start the children of all slots, replace them, stop them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import reduce
from multiprocessing.connection import wait
from types import FrameType

from neurova.errors import NeurovaError, StateError
from neurova.settings.settings import Settings

from .. import memory
from .child import Child
from .report import EventReporter
from .roles import ChildArguments
from .slots import EXIT_GRACE, RestartPlan, WorkerSlot

START_TIMEOUT = 60.0  # seconds within which a child must become ready
STACKS_TIMEOUT = 0.5  # seconds within which a child must write its stacks
CHECK_INTERVAL, BUSY_CHECK_INTERVAL = 1.0, 0.1  # seconds between checks, when idle and when busy
FROZEN_AFTER = 1.0  # seconds; if `wait` returns later than this, all processes were suspended
MEMORY_CHECK_INTERVAL = 1.0
MEMORY_RESTART_INTERVAL = 60.0  # seconds between two replacements of a worker because of its memory
FORCED_STOP_TIMEOUT = 1.0  # seconds after a second SIGINT until all children are killed
STARTUP_SETTINGS = (
    "gateway.host", "gateway.port", "runtime.workers",
    "admin.enabled", "admin.host", "admin.port",
)  # fmt: skip
WORKER_COUNT_IS_FIXED = (
    "The number of workers cannot change while `neurova run` runs: "
    "set [runtime] workers and restart it"
)


class Supervisor:
    """Keep one child in each slot until SIGINT or SIGTERM.

    SIGHUP replaces all children, slot by slot: a new child is ready before the old child drains. A
    child that exits is replaced; a child whose event loop is blocked is killed and replaced. If a
    start fails before all slots have served once, all children stop; after that, the other children
    continue.
    """

    def __init__(
        self,
        settings: Settings,
        arguments: ChildArguments,
        slots: list[WorkerSlot],
        reporter: EventReporter,
    ) -> None:
        self._settings = self._startup_settings = settings
        self._arguments = arguments
        self._slots = slots
        self._reporter = reporter
        self._plan = RestartPlan()
        self._signals: list[int] = []
        self._has_started = False
        self._is_stopping = False
        self._stop_deadline: float | None = None
        self._start_error: NeurovaError | None = None
        self._memory_checked_at = 0.0
        self._had_terminal = os.isatty(0)

    def run(self) -> None:
        """Supervise until all children have exited. Raises NeurovaError if the start fails."""
        handlers = {
            signal.SIGHUP: self._handle_hangup,
            signal.SIGINT: self._handle_interrupt,
            signal.SIGTERM: self._stop,
            signal.SIGTTIN: self._refuse_worker_count,
            signal.SIGTTOU: self._refuse_worker_count,
        }
        with _signals_received(list(handlers), self._signals) as wakeup:
            try:
                for slot in self._slots:
                    self._start(slot)
                while not self._is_stopping or any(self._children()):
                    self._wait(wakeup)
                    while self._signals:
                        handlers[signal.Signals(self._signals.pop(0))]()
                    self._check_children()
            finally:
                for child in self._children():
                    child.kill()
        if self._start_error is not None:
            raise self._start_error

    def _children(self) -> Iterator[Child]:
        for slot in self._slots:
            yield from slot.children()

    def _check_children(self) -> None:
        """Read the reports of all children, check deadlines, and start children that are due."""
        now = time.monotonic()
        for slot in self._slots:
            for child in tuple(slot.children()):
                has_exited = child.has_exited  # before reading, to miss no last report
                child.read_reports()
                self._handle_reports(slot, child)
                if has_exited:
                    self._handle_exit(slot, child)
                else:
                    self._check_deadlines(slot, child, now)
            if slot is self._plan.current and slot.is_settled and self._plan.finish(slot):
                self._reporter.report_restarted(self._slots)
        if self._is_stopping:
            self._kill_after_deadline(now)
            return
        self._check_memory(now)
        for slot in self._slots:
            if slot.restart_at is not None and now >= slot.restart_at:
                self._start(slot)
        next_slot = self._plan.begin_next()
        if next_slot is not None:
            next_slot.backoff.reset()
            self._start(next_slot)

    # Events of a child.

    def _handle_reports(self, slot: WorkerSlot, child: Child) -> None:
        """Promote a child that is ready; start another if a child drains without being told to."""
        if child is slot.starting and child.facts is not None:
            slot.promote(self._settings.runtime.drain)
            self._reporter.report_started(slot, child)
            if not self._has_started and all(each.serving for each in self._slots):
                self._has_started = True
                self._reporter.report_ready(self._slots)
        if child is slot.serving and child.is_draining and not self._is_stopping:
            # Another process sent SIGTERM to the child. Start a new child now, because connections
            # wait in the socket's queue.
            slot.serving, child.is_stopping = None, True
            slot.expect_exit(child, self._settings.runtime.drain)
            if slot.starting is None:
                self._start(slot)

    def _handle_exit(self, slot: WorkerSlot, child: Child) -> None:
        """Remove a child that has exited, and schedule the next one."""
        if child.is_stopping:
            self._reporter.report_ended(slot, child)
        elif child is slot.starting:
            error = self._reporter.describe_start_failure(slot, child)
            self._handle_start_failure(slot, child.pid, error)
        else:
            now, delay = time.monotonic(), 0.0
            if child is slot.serving and slot.starting is None:
                delay = slot.backoff.after_exit(now - child.ready_at)
                slot.restart_at = now + delay
            self._reporter.report_died(slot, child, delay)
        slot.remove(child)

    def _start(self, slot: WorkerSlot) -> None:
        try:
            slot.start(self._arguments)
        except OSError as error:  # no process, memory or file handle is available
            failure = StateError(f"{slot.name} cannot be started: {error}")
            self._handle_start_failure(slot, None, failure)

    def _handle_start_failure(self, slot: WorkerSlot, pid: int | None, error: NeurovaError) -> None:
        """Stop everything at the first start; later keep the serving child, or schedule a retry."""
        if not self._has_started:
            self._start_error = self._start_error or error
            self._stop()
        elif slot.serving is not None:
            self._plan.cancel()
            self._reporter.report_refused(error)
        else:
            if slot is self._plan.current:
                self._plan.cancel()
            seconds = slot.backoff.after_failed_start()
            slot.restart_at = time.monotonic() + seconds
            self._reporter.report_failed(slot, pid, str(error), seconds)

    def _check_deadlines(self, slot: WorkerSlot, child: Child, now: float) -> None:
        """Kill a child whose event loop is blocked, or that takes too long to start or to exit."""
        is_starting = child.facts is None
        limit = START_TIMEOUT if is_starting else self._settings.runtime.stuck
        silent = now - (child.started_at if is_starting else child.last_heartbeat)
        if child.exit_deadline is not None and now > child.exit_deadline:
            child.kill()
        elif child.stacks_requested_at is None:
            if silent > limit:
                child.request_stacks()
        elif silent <= limit:
            child.stacks_requested_at = None  # the event loop runs again
        elif now - child.stacks_requested_at > STACKS_TIMEOUT and not child.was_killed:
            self._reporter.report_stuck(slot, child, limit)
            child.kill()

    def _check_memory(self, now: float) -> None:
        """Replace workers that use more memory than `[runtime] memory`."""
        limit = self._settings.runtime.memory
        if not limit or now - self._memory_checked_at < MEMORY_CHECK_INTERVAL:
            return
        self._memory_checked_at = now
        for slot in self._slots:
            child, replaced_at = slot.serving, slot.replaced_for_memory_at
            if child is None or child.pid is None or not slot.role.serves_functions:
                continue
            if slot in self._plan:
                continue
            held = memory.resident(child.pid)
            is_due = replaced_at is None or now - replaced_at > MEMORY_RESTART_INTERVAL
            if held > limit and is_due:
                slot.replaced_for_memory_at = now
                self._plan.add(slot)
                self._reporter.report_over_memory(slot, child, held)

    # Signals.

    def _handle_hangup(self) -> None:
        """Replace all children; stop when SIGHUP means that the terminal was closed."""
        if self._had_terminal and not os.isatty(0):
            self._stop()
        elif not self._is_stopping:
            self._restart_all()

    def _restart_all(self) -> None:
        """Replace all children, slot by slot, with the current code and settings."""
        try:
            self._settings = self._arguments.load_settings()
        except NeurovaError as error:
            self._reporter.report_refused(error)
            return
        for key in changed_startup_settings(self._startup_settings, self._settings):
            self._reporter.warn(f"{key} has changed: this setting takes effect after a restart")
        self._plan.restart(self._slots)

    def _handle_interrupt(self) -> None:
        """Stop; at the second signal do not wait for calls in flight."""
        if not self._is_stopping:
            self._stop()
            return
        self._stop_deadline = time.monotonic() + FORCED_STOP_TIMEOUT
        for child in self._children():
            child.force_stop()

    def _refuse_worker_count(self) -> None:
        """Refuse SIGTTIN and SIGTTOU: closing a worker's socket would lose connections."""
        self._reporter.warn(WORKER_COUNT_IS_FIXED)

    def _stop(self) -> None:
        """Stop all children once their calls in flight have finished."""
        if self._is_stopping:
            return
        self._is_stopping = True
        runtime = self._settings.runtime
        self._stop_deadline = time.monotonic() + runtime.drain_delay + runtime.drain + EXIT_GRACE
        for slot in self._slots:
            slot.close_listener()
        for child in self._children():
            child.terminate()

    def _kill_after_deadline(self, now: float) -> None:
        if self._stop_deadline is not None and now > self._stop_deadline:
            for child in self._children():
                child.kill()

    def _wait(self, wakeup: socket.socket) -> None:
        """Wait until a child reports or exits, a signal arrives, or a check is due."""
        started, children = time.monotonic(), list(self._children())
        is_busy = (
            self._is_stopping
            or any(child.stacks_requested_at for child in children)
            or any(slot.restart_at for slot in self._slots)
        )
        longest = min(CHECK_INTERVAL, self._settings.runtime.stuck / 4)
        timeout = BUSY_CHECK_INTERVAL if is_busy else longest
        wait([wakeup, *(source for child in children for source in child.wait_sources)], timeout)
        with suppress(BlockingIOError):
            wakeup.recv(4096)
        late = time.monotonic() - started - timeout
        if late > FROZEN_AFTER:
            for child in self._children():
                child.last_heartbeat += late


def changed_startup_settings(before: Settings, now: Settings) -> list[str]:
    """Return the keys of changed settings that require a restart of `neurova run`."""
    return [
        key
        for key in STARTUP_SETTINGS
        if reduce(getattr, key.split("."), before) != reduce(getattr, key.split("."), now)
    ]


@contextmanager
def _signals_received(
    numbers: list[signal.Signals], received: list[int]
) -> Iterator[socket.socket]:
    """Append arriving signals to `received`; yield a socket that each signal makes readable."""

    def append(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    with ExitStack() as stack:
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            each.setblocking(False)
            stack.enter_context(each)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, before)
        for number in numbers:
            stack.callback(signal.signal, number, signal.signal(number, append))
        yield ours

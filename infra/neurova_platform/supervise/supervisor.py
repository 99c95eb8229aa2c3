"""The parent of all workers: starts them, replaces them, ends them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import reduce
from multiprocessing.connection import wait
from pathlib import Path

import uvicorn
from uvicorn.supervisors.multiprocess import SIGNALS, Multiprocess

from neurova.errors import NeurovaError, StateError
from neurova.settings.settings import Settings

from .. import assets
from ..serving import memory as resident
from .child import Child
from .order import Order
from .report import Report, start_failure
from .slot import SPARE, Slot
from .turns import Turns

START = 60.0  # seconds a child has to begin to answer
WRITING = 0.5  # seconds a child has to write down its stacks
ROUND, BUSY = 1.0, 0.1  # seconds between two looks, at most; while something is due soon
LATE = 1.0  # seconds over a round after which we were frozen ourselves, as our children were
RELIEF = 60.0  # seconds between two replacements of a worker for its memory
FORCED = 1.0  # seconds after a second SIGINT until what is left is killed
HELD = (
    "gateway.host", "gateway.port", "runtime.workers",
    "admin.enabled", "admin.host", "admin.port",
)  # fmt: skip
FIXED = "the number of workers is that of the start: set [runtime] workers and start again"


class Supervisor(Multiprocess):
    """Keep one child serving in each slot, until SIGINT or SIGTERM.

    SIGHUP replaces all, slot by slot: the new one answers before the old one drains. A child that
    ends is replaced, one whose event loop hangs is ended. A start that fails ends all as long as
    not every slot has served; later what serves serves on.
    """

    def __init__(self, settings: Settings, order: Order, slots: list[Slot], report: Report) -> None:
        self._handlers = {number: signal.getsignal(number) for number in SIGNALS}
        super().__init__(uvicorn.Config("neurova", log_config=None, workers=len(slots)), [])
        self.settings = self.first = settings
        self.order = order
        self.slots = slots
        self.report = report
        self.turns = Turns()
        self.announced = False
        self.failure: NeurovaError | None = None
        self.ends: float | None = None  # when all must have ended
        self.weighed = 0.0
        self.terminal = os.isatty(0)

    def run(self) -> None:
        """Work until all has ended. Raises NeurovaError when the first start fails."""
        with _woken() as woken:
            try:
                self.init_processes()
                while not self.should_exit.is_set() or any(self.children()):
                    self._wait(woken)
                    self.handle_signals()
                    self.keep_subprocess_alive()
            finally:
                for number, handler in self._handlers.items():
                    signal.signal(number, handler)
                for child in self.children():
                    child.kill()
        if self.failure is not None:
            raise self.failure

    def children(self) -> Iterator[Child]:
        """Yield all children."""
        for slot in self.slots:
            yield from slot.children()

    def init_processes(self) -> None:
        """Start a child in each slot."""
        for slot in self.slots:
            self._start(slot)

    def keep_subprocess_alive(self) -> None:
        """Take what children said, and do what is due."""
        now = time.monotonic()
        for slot in self.slots:
            for child in tuple(slot.children()):
                gone = child.gone  # asked before: what it said at last is heard all the same
                child.hear()
                self._hear(slot, child)
                if gone:
                    self._bury(slot, child)
                else:
                    self._watch(slot, child, now)
            self._settle(slot)
        if self.should_exit.is_set():
            self._end(now)
            return
        self._weigh(now)
        for slot in self.slots:
            if slot.due is not None and now >= slot.due:
                self._start(slot)
        turn = self.turns.take()
        if turn is not None:
            turn.backoff.forget()
            self._start(turn)

    # What happens to a child.

    def _hear(self, slot: Slot, child: Child) -> None:
        """Let a child that answers take its place; start another for one that leaves by itself."""
        if child is slot.coming and child.ready is not None:
            slot.take_over(self.settings.runtime.drain)
            self.report.started(slot, child)
            if not self.announced and all(each.serving for each in self.slots):
                self.announced = True
                self.report.ready(self.slots)
        if child is slot.serving and child.left and not self.should_exit.is_set():
            # Somebody else told it to end: what waits in its socket must not wait for that.
            slot.serving, child.told = None, True
            slot.retire(child, self.settings.runtime.drain)
            if slot.coming is None:
                self._start(slot)

    def _settle(self, slot: Slot) -> None:
        """End the turn of a slot whose new child serves, once the old one takes no connections."""
        if slot is self.turns.current and slot.settled and self.turns.done(slot):
            self.report.restarted(self.slots)

    def _bury(self, slot: Slot, child: Child) -> None:
        """Let go of a child that has ended, and see to the next one."""
        if child.told:
            self.report.ended(slot, child)
        elif child is slot.coming:
            self._mourn(slot, child.pid, start_failure(slot, child, self._homes()))
        else:
            now, again = time.monotonic(), 0.0
            if child is slot.serving and slot.coming is None:
                again = slot.backoff.died(now - child.since)
                slot.due = now + again
            self.report.died(slot, child, self._homes(), again)
        slot.forget(child)

    def _start(self, slot: Slot) -> None:
        try:
            slot.start(self.order)
        except OSError as error:  # no process, no memory, no file handle is to be had now
            self._mourn(slot, None, StateError(f"{slot.name} cannot be started: {error}"))

    def _mourn(self, slot: Slot, pid: int | None, error: NeurovaError) -> None:
        """Do without a child that could not start."""
        if not self.announced:
            self.failure = self.failure or error
            self.handle_term()
        elif slot.serving is not None:
            self.turns.give_up()
            self.report.refused(error)
        else:
            if slot is self.turns.current:
                self.turns.give_up()
            seconds = slot.backoff.failed()
            slot.due = time.monotonic() + seconds
            self.report.failed(slot, pid, str(error), seconds)

    def _watch(self, slot: Slot, child: Child, now: float) -> None:
        """End a child that hangs, or takes too long to begin or to leave."""
        begins = child.ready is None
        limit = START if begins else self.settings.runtime.stuck
        silent = now - (child.began if begins else child.beat)
        if child.deadline is not None and now > child.deadline:
            child.kill()
        elif child.dumped is None:
            if silent > limit:
                child.ask_stacks()
        elif silent <= limit:
            child.dumped = None  # it came back
        elif now - child.dumped > WRITING and not child.condemned:
            self.report.stuck(slot, child, limit, self._homes())
            child.kill()

    # Turns: while a child serves, another is started in its place.

    def restart_all(self) -> None:
        """Replace all children, slot by slot, with what code and settings are now."""
        try:
            self.settings = self.order.settings()
        except NeurovaError as error:
            self.report.refused(error)
            return
        for key in changed(self.first, self.settings):
            self.report.unheard(f"{key} has changed: what holds is that of the start, start again")
        self.turns.restart(self.slots)

    def _weigh(self, now: float) -> None:
        """Have workers replaced that hold more memory than they may."""
        most = self.settings.runtime.memory
        if not most or now - self.weighed < 1:
            return
        self.weighed = now
        for slot in self.slots:
            child = slot.serving
            if child is None or child.pid is None or not slot.is_worker or slot in self.turns:
                continue
            held = resident.of(child.pid)
            if held > most and (slot.relieved is None or now - slot.relieved > RELIEF):
                slot.relieved = now
                self.turns.add(slot)
                self.report.over(slot, child, held)

    # Signals.

    def handle_hup(self) -> None:
        """Replace all children; end when it means that the terminal is closed."""
        if self.terminal and not os.isatty(0):
            self.handle_term()
        elif not self.should_exit.is_set():
            self.restart_all()

    def handle_ttin(self) -> None:
        """Refuse: a worker more needs a socket more, which are made at the start."""
        self.report.unheard(FIXED)

    def handle_ttou(self) -> None:
        """Refuse: with a worker less, what waits in its socket would be lost."""
        self.report.unheard(FIXED)

    def handle_int(self) -> None:
        """End all; a second time: do not wait for calls in flight."""
        if self.should_exit.is_set():
            self.ends = time.monotonic() + FORCED
            for child in self.children():
                child.hurry()
        else:
            self.handle_term()

    def handle_term(self) -> None:
        """End all, once calls in flight have finished."""
        if not self.should_exit.is_set():
            self.should_exit.set()
            self.ends = time.monotonic() + self.settings.runtime.drain + SPARE
            self.terminate_all()

    def terminate_all(self) -> None:
        """Tell all children to end."""
        for child in self.children():
            child.terminate()

    def _end(self, now: float) -> None:
        if self.ends is not None and now > self.ends:
            for child in self.children():
                child.kill()

    def _homes(self) -> list[Path]:
        """Return where the code lies whose lines say most about a fault."""
        return [self.settings.functions, assets.plugins_folder(self.settings.gateway.plugins)]

    def _wait(self, woken: socket.socket) -> None:
        """Return when something has happened, or a round later."""
        began, children = time.monotonic(), list(self.children())
        soon = any(child.dumped for child in children) or any(slot.due for slot in self.slots)
        soon |= self.should_exit.is_set()
        rest = BUSY if soon else min(ROUND, self.settings.runtime.stuck / 4)
        wait([woken, *(source for child in children for source in child.sources)], rest)
        with suppress(BlockingIOError):
            woken.recv(4096)
        late = time.monotonic() - began - rest
        if late > LATE:
            for child in self.children():
                child.beat += late


def changed(before: Settings, now: Settings) -> list[str]:
    """Return the keys of settings that have changed, but hold for as long as the supervisor."""
    return [
        key
        for key in HELD
        if reduce(getattr, key.split("."), before) != reduce(getattr, key.split("."), now)
    ]


@contextmanager
def _woken() -> Iterator[socket.socket]:
    """Give a socket that can be read once a signal came: a wait goes on after a handler."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(before)

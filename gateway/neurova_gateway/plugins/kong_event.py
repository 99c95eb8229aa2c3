"""One phase of one call in Kong's plugin server: a thread, and what it says to Kong."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from .pdk import Exit, PdkError, PhaseOver
from .pdk.response import answer
from .pdk.values import fields, plain
from .refusal import unavailable

# Kong waits 2 s for each answer; before that it gets one.
PHASE_SECONDS = 1.5
# A plugin that waits so long for Kong's answer has been given up by Kong.
STEP_SECONDS = 10.0

Message = Any
Run = Callable[[Any], object]

RETURNED = "ret"
FAILED = {"Method": "kong.response.exit", "Args": list(unavailable("A plugin failed"))}
_EXIT = "kong.response.exit"
_LEAVES = (_EXIT, "kong.response.error")
# What these refuse is a 500 in Kong; looked at here it is the plugin's fault, in both hosts.
_CHECKED: dict[str, Callable[..., object]] = {
    _EXIT: answer,
    "kong.response.set_headers": fields,
    "kong.service.request.set_headers": fields,
}


def tell(line: str) -> None:
    """Write a line to standard error, which Kong puts into its log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Event:
    """Carry one phase between the thread that runs it and Kong's connections."""

    __slots__ = ("_from_kong", "_to_kong", "late", "over")

    def __init__(self) -> None:
        self._from_kong: SimpleQueue[tuple[Any, str | None]] = SimpleQueue()
        self._to_kong: SimpleQueue[Message] = SimpleQueue()
        self.over = False
        self.late = False

    def called(self, method: str, *args: Any) -> Any:
        """Make a PDK call for the plugin, in its thread."""
        if self.over:
            raise PhaseOver("this PDK call is not made within its phase: use `kong` there only")
        check = _CHECKED.get(method)
        if check is not None:
            check(*args)
        message = {"Method": method, "Args": plain(args)}
        if method in _LEAVES:
            self.ended(message)
            raise Exit
        self._to_kong.put(message)
        try:
            value, error = self._from_kong.get(timeout=STEP_SECONDS)
        except Empty:
            self.over = True
            raise PhaseOver("Kong has given up this call") from None
        if error is not None:
            raise PdkError(f"{method}: {error}")
        return value

    def ended(self, message: Message) -> None:
        """Say that the phase is over, unless its answer has been given."""
        if not self.over:
            self.over = True
            self._to_kong.put(message)

    def answered(self, value: Any, error: str | None) -> None:
        """Hand Kong's answer to the plugin."""
        self._from_kong.put((value, error))

    def next(self) -> Message:
        """Return what the plugin says next, a 503 when that takes too long."""
        try:
            return self._to_kong.get(timeout=PHASE_SECONDS)
        except Empty:
            self.over = self.late = True
            tell("a plugin took too long: its call was refused")
            return FAILED


class Threads:
    """Run phases on threads that are used again; one that hangs is not waited for."""

    def __init__(self) -> None:
        self._idle: deque[SimpleQueue[tuple[Run, Event]]] = deque()
        self._running: set[Event] = set()

    @property
    def hung(self) -> int:
        """Count the phases that were given up and have not returned."""
        return sum(event.late for event in tuple(self._running))

    def run(self, phase: Run, event: Event) -> None:
        """Run a phase on an idle thread, else on a new one."""
        try:
            jobs = self._idle.pop()
        except IndexError:
            jobs = SimpleQueue()
            threading.Thread(target=self._work, args=(jobs,), daemon=True).start()
        jobs.put((phase, event))

    def _work(self, jobs: SimpleQueue[tuple[Run, Event]]) -> None:
        from kong_pdk.pdk import FakeClasses

        while True:
            phase, event = jobs.get()
            self._running.add(event)
            try:
                returned = phase(FakeClasses("kong", event.called))
                # As in the embedded host: who returns a value from `access` means something else.
                junk = returned is not None and getattr(phase, "__name__", "") == "access"
                event.ended(FAILED if junk else RETURNED)
            except Exit:
                pass
            except BaseException as error:
                tell(f"a plugin's phase ended in {type(error).__name__}")
                event.ended(FAILED)
            self._running.discard(event)
            self._idle.append(jobs)

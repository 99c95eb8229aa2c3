"""One phase of one call in Kong's plugin server: its thread and its messages to Kong."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from .pdk import Exit, PdkError, PhaseOver
from .pdk.response import create_reply
from .pdk.values import copy_plain, encode_fields
from .refusal import unavailable

# Kong waits 2 s for each message, so the server replies before that.
PHASE_SECONDS = 1.5
# If Kong does not answer for so long, it has given up the call.
STEP_SECONDS = 10.0

Message = Any
Run = Callable[[Any], object]

RETURNED = "ret"
FAILED = {"Method": "kong.response.exit", "Args": list(unavailable("A plugin failed"))}
_EXIT = "kong.response.exit"
_ENDING = (_EXIT, "kong.response.error")
# Kong answers 500 to bad arguments of these methods. Checked here, they are a plugin fault, as
# in the embedded gateway.
_CHECKED: dict[str, Callable[..., object]] = {
    _EXIT: create_reply,
    "kong.response.set_headers": encode_fields,
    "kong.service.request.set_headers": encode_fields,
}


def write_log(line: str) -> None:
    """Write a line to standard error, which Kong copies to its log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Event:
    """Pass messages between the thread that runs a phase and Kong's connections."""

    __slots__ = ("_from_kong", "_to_kong", "is_late", "is_over")

    def __init__(self) -> None:
        self._from_kong: SimpleQueue[tuple[Any, str | None]] = SimpleQueue()
        self._to_kong: SimpleQueue[Message] = SimpleQueue()
        self.is_over = False
        self.is_late = False

    def call(self, method: str, *args: Any) -> Any:
        """Make a PDK call for the plugin, in its thread."""
        if self.is_over:
            raise PhaseOver("PDK call outside its phase: use `kong` only while the phase runs")
        check = _CHECKED.get(method)
        if check is not None:
            check(*args)
        message = {"Method": method, "Args": copy_plain(args)}
        if method in _ENDING:
            self.end(message)
            raise Exit
        self._to_kong.put(message)
        try:
            value, error = self._from_kong.get(timeout=STEP_SECONDS)
        except Empty:
            self.is_over = True
            raise PhaseOver("Kong has given up this call") from None
        if error is not None:
            raise PdkError(f"{method}: {error}")
        return value

    def end(self, message: Message) -> None:
        """Send the last message of the phase, unless it was sent."""
        if not self.is_over:
            self.is_over = True
            self._to_kong.put(message)

    def put_answer(self, value: Any, error: str | None) -> None:
        """Pass Kong's answer to the plugin."""
        self._from_kong.put((value, error))

    def next_message(self) -> Message:
        """Return the next message of the plugin, or a 503 if it takes too long."""
        try:
            return self._to_kong.get(timeout=PHASE_SECONDS)
        except Empty:
            self.is_over = self.is_late = True
            write_log("a plugin phase exceeded its deadline: the call was refused")
            return FAILED


class PhaseThreads:
    """Run phases on reusable threads; nothing waits for one that hangs."""

    def __init__(self) -> None:
        self._idle: deque[SimpleQueue[tuple[Run, Event]]] = deque()
        self._running: set[Event] = set()

    @property
    def hung_count(self) -> int:
        """Return the number of phases that exceeded their deadline and have not returned."""
        return sum(event.is_late for event in tuple(self._running))

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
                returned = phase(FakeClasses("kong", event.call))
                # As in the embedded gateway, `access` must return None.
                is_fault = returned is not None and getattr(phase, "__name__", "") == "access"
                event.end(FAILED if is_fault else RETURNED)
            except Exit:
                pass
            except BaseException as error:
                write_log(f"a plugin phase raised {type(error).__name__}")
                event.end(FAILED)
            self._running.discard(event)
            self._idle.append(jobs)

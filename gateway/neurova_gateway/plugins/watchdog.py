"""End a plugin phase that exceeds its deadline."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

from neurova.errors import StateError

# The system ignores this signal by default, so an unexpected one does not end a process.
SIGNAL = signal.SIGURG
POLL = 0.05


class PhaseTimeout(BaseException):
    """Raised in a phase that exceeds its deadline; `except Exception` does not catch it."""


class Watchdog:
    """Raise PhaseTimeout in the main thread when one phase runs longer than `deadline` seconds.

    The host sets `running` to a new object for each phase, and to None between phases. A thread
    checks it every 50 ms and, after the deadline, sends a signal to the main thread. The signal
    also interrupts a blocking system call. Its handler raises only if the same phase still runs.
    """

    __slots__ = ("_deadline", "_expired", "_previous", "_stop", "_thread", "running")

    def __init__(self, deadline: float) -> None:
        self.running: object | None = None
        self._expired: object | None = None
        self._deadline = deadline
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._previous: Any = None

    def start(self) -> None:
        """Start the watchdog; call this in the main thread, because only it handles signals."""
        if threading.current_thread() is not threading.main_thread():
            raise StateError(
                "the watchdog of plugins needs the main thread", fix="start the host there"
            )
        if self._thread is None:
            self._previous = signal.signal(SIGNAL, self._raise)
            self._stop.clear()
            self._thread = threading.Thread(target=self._watch, name="plugin-watchdog", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread and restore the signal handler."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            signal.signal(SIGNAL, self._previous)

    def _watch(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        last: object | None = None
        since = 0.0
        while not self._stop.wait(POLL):
            running, now = self.running, time.monotonic()
            if running is not last:
                last, since = running, now  # hold a reference: a new phase then has a new id
            elif running is not None and now - since >= self._deadline:
                # Repeat the signal at each check: an exception raised in a destructor is lost.
                self._expired = running
                signal.pthread_kill(main, SIGNAL)

    def _raise(self, _signal: int, _frame: FrameType | None) -> None:
        if self.running is not None and self.running is self._expired:
            raise PhaseTimeout

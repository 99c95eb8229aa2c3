"""Cut a plugin phase that does not end."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

from neurova.errors import StateError

# The one signal that means nothing by default: a stray one ends nobody.
SIGNAL = signal.SIGURG
POLL = 0.05


class PhaseTimeout(BaseException):
    """Leave a phase past its deadline; `except Exception` lets it through."""


class Watchdog:
    """Raise PhaseTimeout in the main thread when one phase runs longer than `deadline` seconds.

    The host writes `running`: an object of its own for each phase, None between them. A thread
    looks at it every 50 ms and sends the main thread a signal. The handler runs there, so it knows
    whether that same phase still runs; the signal also ends a blocking system call.
    """

    __slots__ = ("_condemned", "_deadline", "_previous", "_stop", "_thread", "running")

    def __init__(self, deadline: float) -> None:
        self.running: object | None = None
        self._condemned: object | None = None
        self._deadline = deadline
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._previous: Any = None

    def start(self) -> None:
        """Begin to watch; only the main thread can, since only it hears signals."""
        if threading.current_thread() is not threading.main_thread():
            raise StateError("plugins are watched from the main thread: start the host there")
        if self._thread is None:
            self._previous = signal.signal(SIGNAL, self._cut)
            self._stop.clear()
            self._thread = threading.Thread(target=self._watch, name="plugin-watchdog", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Watch no longer, and give the signal back."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            signal.signal(SIGNAL, self._previous)

    def _watch(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        seen: object | None = None
        since = 0.0
        while not self._stop.wait(POLL):
            running, now = self.running, time.monotonic()
            if running is not seen:
                seen, since = running, now  # held, so that its identity stays its
            elif running is not None and now - since >= self._deadline:
                # Again at each look: an exception raised in a destructor is lost.
                self._condemned = running
                signal.pthread_kill(main, SIGNAL)

    def _cut(self, _signal: int, _frame: FrameType | None) -> None:
        if self.running is not None and self.running is self._condemned:
            raise PhaseTimeout

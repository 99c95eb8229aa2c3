"""Decide which calls to admit when a worker is overloaded."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from neurova.overload.cost import Cost
from neurova.overload.queue_delay import DELAY, QueueDelay

LIGHT = 1 / 400  # share of the delay; a cheaper call is light: refusing it saves nothing
LONGEST = 5  # times the delay: maximum wait of a light call, and of an iteration before overload
ROOM = 4  # heavy calls that may queue even if their cost exceeds the delay
MARGIN = 1.05  # factor for work around a call that its cost does not include
GUESS = 1 / 20  # share of the delay: the assumed cost of a call before its first measurement


class Admission:
    """Admit or refuse calls by the work that waits for the event loop.

    The event loop runs in iterations: it reads all connections that have data, then runs what is
    ready. Each iteration in which a response is sent is recorded; its duration is the time that
    callers wait. While it is short, only calls that begin after `watch_after` are checked.

    Under overload the wait of a call is predicted from the calls answered in this iteration, whose
    connections became readable at the same time, and from admitted work that is not done yet. Each
    call counts with its measured event-loop time. Time that a call spends waiting does not count,
    nor does time in which the machine was suspended.
    """

    __slots__ = ("_began", "_free_at", "_is_reading", "_last", "_previous", "_spent", "_usual",
                 "begin_iteration", "queue_delay", "refused", "watch_after")  # fmt: skip

    def __init__(self, delay: float = DELAY) -> None:
        self.queue_delay = QueueDelay(delay)
        self.watch_after = inf
        self.refused = 0
        # Set by the connection manager, so that an iteration without a response ends too.
        self.begin_iteration: Callable[[], None] = lambda: None
        self._began = 0.0  # start of the iteration; 0.0: none is running
        self._previous = 0.0  # duration of the previous iteration
        self._is_reading = False  # a call was checked in this iteration
        self._last = 0.0  # time of the last check
        self._spent = 0.0  # cost in seconds of the calls answered in this iteration
        self._free_at = 0.0  # when the admitted work will be done
        self._usual = 0.0  # mean cost of admitted heavy calls

    def record_iteration_start(self, now: float) -> None:
        """Record the start of an event-loop iteration."""
        self._began = now
        if not self.queue_delay.is_overloaded:
            self.queue_delay.record_start(now)
            self.watch_after = min(
                self.queue_delay.overload_at, now + self.queue_delay.delay * LONGEST
            )

    def record_iteration_end(self, now: float) -> None:
        """Record the end of an iteration: everything that was ready at its start has run."""
        queue_delay, took, previous = self.queue_delay, now - self._began, self._previous
        queue_delay.record_wait(took, now)
        self._began, self._spent, self._is_reading = 0.0, 0.0, False
        self._previous = took
        self.watch_after = -inf if queue_delay.is_overloaded else inf
        shorter = min(took, previous)  # one long iteration may be a suspended machine
        if queue_delay.is_overloaded and shorter > queue_delay.delay + self._usual:
            # More work was ready than predicted, so assume that as much is still waiting.
            self._free_at = max(self._free_at, now + shorter - self._usual)

    def admits(self, cost: Cost, now: float) -> bool:
        """Return whether to admit a call that began after `watch_after`."""
        delay = self.queue_delay.delay
        if not self.queue_delay.is_overloaded:
            self._start_overload(now)
        self.begin_iteration()
        if now < self._last:  # the clock was set back
            self._free_at = now
        if not self._is_reading:
            self._is_reading, self._last = True, now
        # Work admitted earlier does not progress while this iteration reads connections.
        ahead = max(self._free_at - self._last, 0.0)
        self._last, self._free_at = now, now + ahead
        wait = self._spent + ahead
        if cost.seconds >= delay * LIGHT:
            is_admitted = self.queue_delay.admits(wait / max(1.0, self._usual * ROOM / delay), now)
        else:
            is_admitted = wait <= delay * LONGEST
        self.refused += not is_admitted
        return is_admitted

    def add_work(self, cost: Cost, *, later: bool) -> None:
        """Add the work of an admitted call that runs at once, or `later`."""
        if not cost.seconds:  # not measured yet: count it as a heavy call
            cost.seconds = self.queue_delay.delay * GUESS
        if cost.seconds >= self.queue_delay.delay * LIGHT:
            self._usual += (cost.seconds - self._usual) / 8
        if later:
            self._free_at += cost.seconds * MARGIN
        else:
            self._spent += cost.seconds

    def _start_overload(self, now: float) -> None:
        self.queue_delay.enter_overload(now)
        self.watch_after = -inf
        self._is_reading, self._last, self._spent = True, now, 0.0
        self._free_at, self._usual = now, 0.0

"""Limit the calls of a function that run at once; queue or refuse the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Protocol

MAX_TASKS = 1_000  # calls of one function at once, unless it sets `concurrency`
MAX_THREADS = 32  # calls of one plain `def` at once: half of the thread pool
QUEUE = 1_000
BURST = 0.5  # seconds; a queue that lasts longer has the two limits below
WAITING_PER_RUNNING = 3  # queue a call while fewer calls wait per running call
SHORT_WAIT = 0.1  # or if it will start within about this many seconds


class QueuedCall(Protocol):
    """A call that can be started later."""

    def start(self) -> None:
        """Run the call now."""
        ...


class RefusalCounter:
    """Count the calls that concurrency limits refused."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class ConcurrencyLimit:
    """Let `limit` calls run at once; up to `queue` more wait in order of arrival.

    A call that would start after its deadline is refused immediately. Only a short burst may fill
    the queue; a queue that lasts longer is limited to a few calls.
    """

    __slots__ = (
        "_clock",
        "_last_end",
        "_mean_gap",
        "_queued_since",
        "_refusals",
        "limit",
        "queue",
        "running",
        "waiting",
    )

    def __init__(
        self,
        limit: int,
        queue: int = QUEUE,
        *,
        clock: Callable[[], float] = monotonic,
        refusals: RefusalCounter | None = None,
    ) -> None:
        self.limit = limit
        self.queue = queue
        self.running = 0
        self.waiting: deque[QueuedCall] = deque()
        self._clock = clock
        self._refusals = refusals or RefusalCounter()
        self._queued_since = 0.0  # time at which a call last found the queue empty
        self._last_end = 0.0  # time at which a call last ended while others waited
        self._mean_gap = 0.0  # mean seconds between such ends of calls; 0.0: not measured yet

    def enter(self, call: QueuedCall, deadline: float = inf) -> bool:
        """Start or queue `call`; return False if it is refused."""
        if self.running < self.limit:
            self.running += 1
            call.start()
        elif self._can_wait(deadline):
            self.waiting.append(call)
        else:
            self._refusals.count += 1
            return False
        return True

    def _can_wait(self, deadline: float) -> bool:
        waiting, now = len(self.waiting), self._clock()
        if not waiting:
            self._queued_since = self._last_end = now
        if waiting >= self.queue or now + (waiting + 1) * self._mean_gap > deadline:
            return False
        if now - self._queued_since <= BURST or waiting < WAITING_PER_RUNNING * self.limit:
            return True
        return waiting * self._mean_gap < SHORT_WAIT

    def withdraw(self, call: QueuedCall) -> None:
        """Remove a waiting call from the queue."""
        if call in self.waiting:
            self.waiting.remove(call)

    def release(self) -> None:
        """End a running call; start the next one."""
        if self.waiting:
            now = self._clock()
            gap, self._last_end = now - self._last_end, now
            self._mean_gap += (gap - self._mean_gap) / 8 if self._mean_gap else gap
            self.waiting.popleft().start()
        else:
            self.running -= 1

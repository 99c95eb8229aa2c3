"""How many calls of a function run at once, and which calls wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Protocol

MAX_TASKS = 1_000  # calls of one function that run at once if it has no `concurrency`
MAX_THREADS = 32  # of one plain function: half of the threads are left to others
QUEUE = 1_000
BURST = 0.5  # seconds for which a queue may last before its length is limited
WAITING_PER_RUNNING = 3  # calls that may then wait for each that runs, or
SHORT_WAIT = 0.1  # as many as start within this many seconds


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

    A call that would start after its deadline is refused at once. A burst may fill the queue. A
    queue that lasts longer than a burst is limited to a few calls for each that runs.
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
        self._queued_since = 0.0  # when a call was queued and found the queue empty
        self._last_end = 0.0  # when a call last ended while others waited
        self._mean_gap = 0.0  # the mean seconds between two such ends; 0.0: not measured yet

    def enter(self, call: QueuedCall, deadline: float = inf) -> bool:
        """Start `call`, now or later; return False if it is refused.

        `deadline` is in seconds of the clock.
        """
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
        """Note that a call has ended; start the next one."""
        if self.waiting:
            now = self._clock()
            gap, self._last_end = now - self._last_end, now
            self._mean_gap += (gap - self._mean_gap) / 8 if self._mean_gap else gap
            self.waiting.popleft().start()
        else:
            self.running -= 1

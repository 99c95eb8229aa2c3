"""Limit the calls of a function that run at once; queue or refuse the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

MAX_TASKS = 1_000  # calls of one function at once, unless it sets `concurrency`
MAX_THREADS = 32  # calls of one plain `def` at once: half of the thread pool
QUEUE = 1_000
MAX_WAIT = 1.0  # seconds; a call that has waited longer is refused, unless at most
WAITING_PER_RUNNING = 3  # calls per allowed running call wait


class QueuedCall(Protocol):
    """A call that can be started later; `queued_at` is set when it is queued."""

    queued_at: float

    def start(self) -> None:
        """Run the call now."""
        ...

    def refuse(self) -> None:
        """Answer without running the call."""
        ...


class RefusalCounter:
    """Count the calls that concurrency limits refused."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class ConcurrencyLimit:
    """Let `limit` calls run at once; up to `queue` more wait in order of arrival.

    A burst may fill the queue. Calls of a long queue that have waited for MAX_WAIT are refused, so
    a queue that lasts gets no longer than that, or than a few calls.
    """

    __slots__ = ("_clock", "_refusals", "limit", "queue", "running", "waiting")

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

    def enter(self, call: QueuedCall) -> bool:
        """Start or queue `call`; return False if the queue is full."""
        if self.running < self.limit:
            self.running += 1
            call.start()
        elif len(self.waiting) < self.queue:
            call.queued_at = self._clock()
            self.waiting.append(call)
        else:
            self._refusals.count += 1
            return False
        return True

    def withdraw(self, call: QueuedCall) -> None:
        """Remove a waiting call from the queue."""
        if call in self.waiting:
            self.waiting.remove(call)

    def release(self) -> None:
        """End a running call; start the next one."""
        oldest = self._clock() - MAX_WAIT
        while self.waiting:
            call = self.waiting.popleft()
            if call.queued_at >= oldest or len(self.waiting) < WAITING_PER_RUNNING * self.limit:
                call.start()
                return
            self._refusals.count += 1
            call.refuse()
        self.running -= 1

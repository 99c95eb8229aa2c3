"""Limit the concurrent calls of a function; queue or refuse further calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

MAX_TASKS = 1_000  # default limit of concurrent calls of one function
MAX_THREADS = 32  # default limit of concurrent calls of a plain `def`: half of the thread pool
QUEUE = 1_000
# Refuse a call that has waited for MAX_WAIT seconds, if at least WAITING_PER_RUNNING * limit other
# calls are waiting.
MAX_WAIT = 1.0
WAITING_PER_RUNNING = 3


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

    A burst may fill the queue. While the queue is long, calls that have waited for MAX_WAIT are
    refused, so under lasting overload calls do not wait much longer than MAX_WAIT.
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
        """Count a running call as ended, and start the next waiting call."""
        oldest = self._clock() - MAX_WAIT
        while self.waiting:
            call = self.waiting.popleft()
            if call.queued_at >= oldest or len(self.waiting) < WAITING_PER_RUNNING * self.limit:
                call.start()
                return
            self._refusals.count += 1
            call.refuse()
        self.running -= 1

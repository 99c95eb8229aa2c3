"""The state that all functions of one process share."""

from __future__ import annotations

from .concurrency_limit import RefusalCounter
from .thread_pool import ThreadPool


class ExecutionContext:
    """Hold the thread pool and the counter of calls refused by concurrency limits."""

    __slots__ = ("refusals", "thread_pool")

    def __init__(self, thread_pool: ThreadPool | None = None) -> None:
        self.thread_pool = thread_pool or ThreadPool()
        self.refusals = RefusalCounter()

    @property
    def refused(self) -> int:
        """The number of calls refused by the thread pool and the concurrency limits."""
        return self.thread_pool.refused + self.refusals.count

"""What all functions of one process share to run."""

from __future__ import annotations

from .concurrency_limit import RefusalCounter
from .thread_pool import ThreadPool


class ExecutionContext:
    """Hold the thread pool and the counter of calls that a concurrency limit refused."""

    __slots__ = ("refusals", "thread_pool")

    def __init__(self, thread_pool: ThreadPool | None = None) -> None:
        self.thread_pool = thread_pool or ThreadPool()
        self.refusals = RefusalCounter()

    @property
    def refused(self) -> int:
        """How many calls the thread pool and the concurrency limits have refused."""
        return self.thread_pool.refused + self.refusals.count

"""How many calls of a function may run at once, and who waits."""

from __future__ import annotations

from collections import deque
from typing import Protocol

QUEUE = 1_000


class Waiting(Protocol):
    """A call that can be begun later."""

    def begin(self) -> None:
        """Run the call now; it has its place."""
        ...


class Gate:
    """Let `limit` calls run; `queue` more wait in order of arrival."""

    __slots__ = ("limit", "queue", "running", "waiting")

    def __init__(self, limit: int, queue: int = QUEUE) -> None:
        self.limit = limit
        self.queue = queue
        self.running = 0
        self.waiting: deque[Waiting] = deque()

    def enter(self, call: Waiting) -> bool:
        """Begin `call`, now or when its turn comes; False when the queue is full."""
        if self.running < self.limit:
            self.running += 1
            call.begin()
        elif len(self.waiting) < self.queue:
            self.waiting.append(call)
        else:
            return False
        return True

    def withdraw(self, call: Waiting) -> None:
        """Take a call that waits out of the queue."""
        if call in self.waiting:
            self.waiting.remove(call)

    def leave(self) -> None:
        """Give the place of a call that has ended to the next."""
        if self.waiting:
            self.waiting.popleft().begin()
        else:
            self.running -= 1

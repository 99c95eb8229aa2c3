"""How many calls of a function may run at once, and who waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import ClassVar, Protocol

QUEUE = 1_000
STANDING = 0.5  # seconds for which calls have waited without a break: that is no burst any more
ROOM = 3  # calls that may then wait for each that runs, or
SOON = 0.1  # as many as begin within this many seconds


class QueuedCall(Protocol):
    """A call that can be begun later."""

    def begin(self) -> None:
        """Run the call now; it has its place."""
        ...


class ConcurrencyLimit:
    """Let `limit` calls run; `queue` more wait in order of arrival.

    A call whose turn would come after its deadline is refused at once. A burst may fill the queue;
    a queue that stands is kept as short as the calls' own time asks. `refused` counts the calls
    that found no room, at any gate of the process.
    """

    __slots__ = ("_clock", "_gap", "_left", "_since", "limit", "queue", "running", "waiting")

    refused: ClassVar[int] = 0

    def __init__(
        self, limit: int, queue: int = QUEUE, clock: Callable[[], float] = monotonic
    ) -> None:
        self.limit = limit
        self.queue = queue
        self.running = 0
        self.waiting: deque[QueuedCall] = deque()
        self._clock = clock
        self._since = 0.0  # when a call began to wait and found no other
        self._left = 0.0  # when a call last ended while others waited
        self._gap = 0.0  # the mean seconds between two such ends; 0.0: not known

    def enter(self, call: QueuedCall, deadline: float = inf) -> bool:
        """Begin `call`, now or when its turn comes; False when it cannot wait.

        `deadline` in seconds of the clock.
        """
        if self.running < self.limit:
            self.running += 1
            call.begin()
        elif self._has_room(deadline):
            self.waiting.append(call)
        else:
            ConcurrencyLimit.refused += 1
            return False
        return True

    def _has_room(self, deadline: float) -> bool:
        waiting, now = len(self.waiting), self._clock()
        if not waiting:
            self._since = self._left = now
        if waiting >= self.queue or now + (waiting + 1) * self._gap > deadline:
            return False
        if now - self._since <= STANDING or waiting < ROOM * self.limit:
            return True
        return waiting * self._gap < SOON

    def withdraw(self, call: QueuedCall) -> None:
        """Take a call that waits out of the queue."""
        if call in self.waiting:
            self.waiting.remove(call)

    def leave(self) -> None:
        """Give the place of a call that has ended to the next."""
        if self.waiting:
            now = self._clock()
            gap, self._left = now - self._left, now
            self._gap += (gap - self._gap) / 8 if self._gap else gap
            self.waiting.popleft().begin()
        else:
            self.running -= 1

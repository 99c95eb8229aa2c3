"""A place for one child: its listening socket, who serves it, who is about to, who leaves."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from .backoff import Backoff
from .child import Child
from .order import Order


@dataclass(eq=False)
class Slot:
    """Hold a socket for as long as the supervisor lives, and the children that serve it in turn.

    What waits in the socket's queue is taken by whoever serves next, so no connection is lost with
    a child. `coming` is being started, `leaving` drain; `due`: when to try the next, None: not now.
    """

    name: str
    target: str
    listener: socket.socket
    serving: Child | None = None
    coming: Child | None = None
    leaving: list[Child] = field(default_factory=list)
    due: float | None = None
    relieved: float | None = None  # when it was last replaced for its memory
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def is_worker(self) -> bool:
        """Tell whether it serves functions."""
        return self.target == WORKER

    def children(self) -> Iterator[Child]:
        """Yield all that live here."""
        yield from self.leaving
        for child in (self.serving, self.coming):
            if child is not None:
                yield child

    @property
    def settled(self) -> bool:
        """Tell whether whoever takes connections here is the newest."""
        return self.coming is None and all(child.left for child in self.leaving)

    def start(self, order: Order) -> None:
        """Start the next one; it takes the place once it answers. Raises OSError when it cannot."""
        self.due = None
        child = Child(self.target, order, self.listener)
        child.start()
        self.coming = child

    def take_over(self, drain: float) -> None:
        """Let the one that came serve, and the one before drain, which may take `drain` twice."""
        old, self.serving, self.coming = self.serving, self.coming, None
        if old is not None:
            old.drain()
            self.retire(old, drain)

    def retire(self, child: Child, drain: float) -> None:
        """Let one leave; it may wait for idle connections, then for calls in flight."""
        child.deadline = time.monotonic() + 2 * drain + SPARE
        self.leaving.append(child)

    def forget(self, child: Child) -> None:
        """Let go of one that has ended."""
        if child in self.leaving:
            self.leaving.remove(child)
        if self.serving is child:
            self.serving = None
        if self.coming is child:
            self.coming = None
        child.close()


WORKER = "neurova_platform.supervise.worker:work"
SPARE = 5.0  # seconds above its drain after which one that leaves is ended

"""Slots for children, the wait before a restart, and the plan of rolling restarts."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .child import Child
from .roles import ChildArguments, Role

EXIT_GRACE = 5.0  # seconds above the drain time after which a stopping child is killed
STABLE_AFTER = 10.0  # seconds; an exit after a longer service is not part of a crash loop
IMMEDIATE_RESTARTS = 3  # this many exits in a row cause an immediate restart
FIRST_WAIT = 0.1
MAX_WAIT_AFTER_EXIT = 1.0
MAX_WAIT_AFTER_FAILED_START = 30.0


class Backoff:
    """Compute the seconds to wait before the next start.

    If a child exits after it has served, it is replaced at once. After three such exits in close
    succession the wait grows, but only to one second, because an outage is worse than frequent
    starts. After failed starts the wait grows to at most half a minute.
    """

    def __init__(self) -> None:
        self._attempts = 0

    def after_exit(self, lifetime: float) -> float:
        """Return the wait after the exit of a child that has served for `lifetime` seconds."""
        if lifetime >= STABLE_AFTER:
            self._attempts = 0
        self._attempts += 1
        delayed = self._attempts - IMMEDIATE_RESTARTS
        return min(FIRST_WAIT * 2.0 ** (delayed - 1), MAX_WAIT_AFTER_EXIT) if delayed > 0 else 0.0

    def after_failed_start(self) -> float:
        """Return the wait after a failed start."""
        self._attempts += 1
        return min(FIRST_WAIT * 2.0 ** (self._attempts + 1), MAX_WAIT_AFTER_FAILED_START)

    def reset(self) -> None:
        """Forget earlier exits, because the next start runs new code."""
        self._attempts = 0


@dataclass(eq=False)
class WorkerSlot:
    """Hold one process of a role, and its listening socket until the supervisor stops.

    When a child exits, no connection in the socket's queue is lost, because the next child accepts
    it. `starting` is not ready yet; the children in `draining` were told to exit. `restart_at` is
    the time of the next start, None if no start is scheduled.
    """

    name: str
    role: Role
    listener: socket.socket | None
    serving: Child | None = None
    starting: Child | None = None
    draining: list[Child] = field(default_factory=list)
    restart_at: float | None = None
    replaced_for_memory_at: float | None = None
    backoff: Backoff = field(default_factory=Backoff)

    def children(self) -> Iterator[Child]:
        """Yield the living children of this slot."""
        yield from self.draining
        for child in (self.serving, self.starting):
            if child is not None:
                yield child

    @property
    def is_settled(self) -> bool:
        """Return whether only the newest child accepts connections."""
        return self.starting is None and all(child.is_draining for child in self.draining)

    def start(self, arguments: ChildArguments) -> None:
        """Start the next child. Raises OSError if the system lacks resources."""
        self.restart_at = None
        child = Child(self.role.target, arguments, self.listener)
        child.start()
        self.starting = child

    def promote(self, drain: float) -> None:
        """Mark the starting child as serving and drain the previous one."""
        old, self.serving, self.starting = self.serving, self.starting, None
        if old is not None:
            old.drain()
            self.expect_exit(old, drain)

    def expect_exit(self, child: Child, drain: float) -> None:
        """Add a child to `draining` and set its deadline.

        The child may wait `drain` seconds for idle connections, then `drain` seconds for calls in
        flight.
        """
        child.exit_deadline = time.monotonic() + 2 * drain + EXIT_GRACE
        self.draining.append(child)

    def close_listener(self) -> None:
        """Close the supervisor's copy of the socket; it closes for good when all children exit."""
        if self.listener is not None:
            self.listener.close()

    def remove(self, child: Child) -> None:
        """Remove an exited child."""
        if child in self.draining:
            self.draining.remove(child)
        if self.serving is child:
            self.serving = None
        if self.starting is child:
            self.starting = None
        child.close()


def create_slots(role: Role, listeners: Iterable[socket.socket]) -> list[WorkerSlot]:
    """Return a slot for each process of a role, each with its listener if the role has them."""
    names = (
        [role.name]
        if role.processes is None
        else [f"{role.name} {number}" for number in range(role.processes)]
    )
    if role.listen is None:
        return [WorkerSlot(name, role, None) for name in names]
    return [
        WorkerSlot(name, role, listener) for name, listener in zip(names, listeners, strict=True)
    ]


class RestartPlan:
    """Queue slots whose serving child has to be replaced; replace one slot at a time.

    So at most one additional child runs, and if new code cannot start, only one slot is affected,
    and its previous child continues to serve. `current` is the slot that is being replaced.
    """

    def __init__(self) -> None:
        self.current: WorkerSlot | None = None
        self._waiting: deque[WorkerSlot] = deque()
        self._rest_of_restart: set[WorkerSlot] = set()

    def __contains__(self, slot: WorkerSlot) -> bool:
        return slot is self.current or slot in self._waiting

    def add(self, slot: WorkerSlot) -> None:
        """Queue one slot."""
        self._waiting.append(slot)

    def restart(self, slots: Iterable[WorkerSlot]) -> None:
        """Queue all slots, even the current one: its new child may have loaded older code."""
        self._waiting = deque(slots)
        self._rest_of_restart = set(self._waiting)

    def begin_next(self) -> WorkerSlot | None:
        """Return the next slot to replace; None if none waits or another is being replaced."""
        if self.current is not None or not self._waiting or self._waiting[0].starting is not None:
            return None
        self.current = self._waiting.popleft()
        return self.current

    def finish(self, slot: WorkerSlot) -> bool:
        """Mark the current slot as replaced; return whether that completes a full restart."""
        if slot is not self.current:
            return False
        self.current = None
        if slot in self._rest_of_restart and slot not in self._waiting:
            self._rest_of_restart.remove(slot)
            return not self._rest_of_restart
        return False

    def cancel(self) -> None:
        """Forget all queued slots, because the current code cannot start."""
        self.current = None
        self._waiting.clear()
        self._rest_of_restart.clear()

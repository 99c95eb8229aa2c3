"""Whose turn it is to have its child replaced while it serves: one slot at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from .slot import Slot


class Turns:
    """Queue slots; `current` is the one whose new child is being waited for.

    One at a time, so that at most one worker more than usual starts, and so that code that cannot
    serve is found out by one slot, which serves on as it was.
    """

    def __init__(self) -> None:
        self.current: Slot | None = None
        self._waiting: deque[Slot] = deque()
        self._restart: set[Slot] = set()  # what is left of a restart of all

    def __contains__(self, slot: Slot) -> bool:
        return slot is self.current or slot in self._waiting

    def add(self, slot: Slot) -> None:
        """Let one slot have a turn."""
        self._waiting.append(slot)

    def restart(self, slots: Iterable[Slot]) -> None:
        """Let all have a turn, also one whose turn it is: its child may be of what was before."""
        self._waiting = deque(slots)
        self._restart = set(self._waiting)

    def take(self) -> Slot | None:
        """Return the slot whose turn begins now, None when none can."""
        if self.current is not None or not self._waiting or self._waiting[0].coming is not None:
            return None
        self.current = self._waiting.popleft()
        return self.current

    def done(self, slot: Slot) -> bool:
        """Note that the new child of a slot serves; tell whether a restart of all ends with it."""
        if slot is not self.current:
            return False
        self.current = None
        if slot in self._restart and slot not in self._waiting:
            self._restart.remove(slot)
            return not self._restart
        return False

    def give_up(self) -> None:
        """Forget all turns: what is there now cannot serve."""
        self.current = None
        self._waiting.clear()
        self._restart.clear()

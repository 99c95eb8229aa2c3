"""Limit the total memory of all request bodies of a worker."""

from __future__ import annotations

TOO_MANY_BODIES = "Too many request bodies at once, retry later."


class BodyMemory:
    """Count the bytes of all request bodies in memory (`held`), up to `limit`."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0


class BodyShare:
    """The bytes that one connection, or one call, holds in a BodyMemory."""

    __slots__ = ("_memory", "held")

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self.held = 0

    def update(self, held: int) -> bool:
        """Set the bytes of this share; return whether all shares together are within the limit."""
        memory = self._memory
        memory.held += held - self.held
        self.held = held
        return memory.held <= memory.limit

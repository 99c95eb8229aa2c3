"""Bound the memory that the request bodies of a worker take together."""

from __future__ import annotations

TOO_MANY_BODIES = "Too many request bodies at once, retry later."


class BodyMemory:
    """Count the bytes of all bodies that are received or in use; `limit` is the bound."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0


class BodyShare:
    """The part of one connection, or of one call, in a BodyMemory."""

    __slots__ = ("_memory", "held")

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self.held = 0

    def update(self, held: int) -> bool:
        """Set the bytes held here; return whether all together are within the limit."""
        memory = self._memory
        memory.held += held - self.held
        self.held = held
        return memory.held <= memory.limit

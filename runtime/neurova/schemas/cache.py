"""Cache the schemas that a process has used, so that it needs no registry to use them again."""

from __future__ import annotations

import asyncio

from ..events.codec import UndecodableEvent, schema_id
from .base import SchemaRegistry, UnknownSchema, subject_of


class SchemaCache:
    """Look up each schema once. A schema never changes, so cache entries never expire."""

    def __init__(self, registry: SchemaRegistry) -> None:
        self.registry = registry
        self._schemas: dict[int, str] = {}
        self._ids: dict[tuple[str, str], int] = {}

    def find(self, id: int) -> str:
        """Return a schema; block to read one that is not cached. Raises UndecodableEvent."""
        found = self._schemas.get(id)
        if found is None:
            try:
                found = self._schemas[id] = self.registry.find(id)
            except UnknownSchema as error:
                raise _unknown(id) from error
        return found

    def is_cached(self, body: bytes) -> bool:
        """Return whether the schema of an encoded event is cached. Raises UndecodableEvent."""
        return schema_id(body) in self._schemas

    def cached(self, id: int) -> str:
        """Return a cached schema without blocking; call `load` first."""
        if id not in self._schemas:
            raise _unknown(id)
        return self._schemas[id]

    async def load(self, body: bytes) -> None:
        """Cache the schema of an encoded event.

        Raises UndecodableEvent, and Unavailable or StateError if the registry cannot be used.
        """
        id = schema_id(body)
        if id not in self._schemas:
            await asyncio.to_thread(self.find, id)

    async def register(self, event: str, schema: str) -> int:
        """Return the id of an event's schema; register the schema if it is new.

        Raises IncompatibleSchema, Unavailable or StateError.
        """
        found = self._ids.get((event, schema))
        if found is None:
            found = await asyncio.to_thread(self.registry.register, subject_of(event), schema)
            self._ids[event, schema] = found
            self._schemas.setdefault(found, schema)
        return found

    def close(self) -> None:
        """Close the registry."""
        self.registry.close()


def _unknown(id: int) -> UndecodableEvent:
    return UndecodableEvent(
        f"the registry has no schema with the id {id}",
        fix="let publishers and subscribers use the same registry",
    )

"""The interface of a store of Avro schemas."""

from __future__ import annotations

from typing import Protocol


class SchemaStore(Protocol):
    """Avro schemas (JSON) by the fingerprint that encoded events carry.

    Methods block, and raise Unavailable or StateError if the store cannot be used.
    """

    def add(self, fingerprint: bytes, schema: str) -> None:
        """Store a schema; do nothing if it is known."""
        ...

    def find(self, fingerprint: bytes) -> str:
        """Return the schema. Raises UndecodableEvent if it is unknown."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...

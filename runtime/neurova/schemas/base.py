"""The interface of a store of Avro schemas."""

from __future__ import annotations

from typing import Protocol


class SchemaStore(Protocol):
    """Avro schemas (JSON) by the fingerprint that encoded events carry; methods block."""

    def add(self, fingerprint: bytes, schema: str) -> None:
        """Store a schema; do nothing if it is known. Raises Unavailable or StateError."""
        ...

    def find(self, fingerprint: bytes) -> str:
        """Return the schema. Raises UndecodableEvent if it is unknown, Unavailable or StateError."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...

"""Open and check the backends of the schema registry."""

from __future__ import annotations

from pathlib import Path

from neurova.schemas.base import SchemaRegistry
from neurova.settings.schemas import Schemas


def open_sqlite(path: Path, settings: Schemas) -> SchemaRegistry:
    """Return the embedded registry in a file."""
    from neurova.schemas.sqlite import SqliteRegistry

    return SqliteRegistry(path, settings.compatibility)


def check_sqlite(path: Path, settings: Schemas) -> str:
    """Return one line about the state of the embedded registry."""
    return _count(path, open_sqlite(path, settings)) if path.exists() else f"{path}: no schemas yet"


def open_confluent(url: str, settings: Schemas) -> SchemaRegistry:
    """Return the client of a registry with the Confluent API."""
    from neurova.schemas.confluent import ConfluentRegistry

    return ConfluentRegistry(url, settings.token)


def check_confluent(url: str, settings: Schemas) -> str:
    """Return one line about the state of a registry with the Confluent API."""
    from neurova.schemas.confluent import without_password

    return _count(without_password(url), open_confluent(url, settings))


def _count(place: object, registry: SchemaRegistry) -> str:
    try:
        return f"{place}: {len(registry.subjects())} subjects"
    finally:
        registry.close()

"""Open and check the backends of the bus, and of the store of schemas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from neurova.bus.base import Bus
from neurova.schemas.base import SchemaStore


def open_sqlite_bus(path: Path, clock: Callable[[], float]) -> Bus:
    """Return the embedded bus in a file."""
    from neurova.bus.sqlite.bus import SqliteBus

    return SqliteBus(path, clock)


def check_sqlite_bus(path: Path) -> str:
    """Return one line about the state of the embedded bus."""
    if not path.exists():
        return f"{path}: not created yet"

    async def check() -> None:
        from neurova.bus.sqlite.bus import SqliteBus

        bus = SqliteBus(path)
        await bus.start()
        await bus.close()

    asyncio.run(check())
    return f"{path}: can be used"


def check_schema_store(path: Path) -> str:
    """Return one line about the store of schemas."""
    return f"{path}: {'exists' if path.exists() else 'not created yet'}"


def open_schema_store(path: Path) -> SchemaStore:
    """Return the store of schemas in a file."""
    from neurova.schemas.sqlite import SqliteSchemaStore

    return SqliteSchemaStore(path)

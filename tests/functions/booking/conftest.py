from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from neurova.database.migrations import upgrade
from neurova.database.sqlite import SqliteDatabase

MIGRATIONS = Path(__file__).parents[3] / "functions" / "booking" / "migrations"


class House:
    """Call Booking's handlers, each in a transaction of its own, as the platform does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = SqliteDatabase(path)

    async def call(self, handler: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
        deadline = asyncio.get_running_loop().time() + 30
        readonly = handler.__neurova__.method == "GET"  # type: ignore[attr-defined]
        tx = self.database.transaction(readonly=readonly, deadline=deadline)
        try:
            result = await handler(**arguments, tx=tx)
            await tx.commit()
            return result
        finally:
            await tx.rollback()


@pytest.fixture
def house(tmp_path: Path) -> House:
    upgrade(tmp_path / "booking.db", MIGRATIONS)
    return House(tmp_path / "booking.db")

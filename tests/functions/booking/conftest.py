from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer

from neurova.database.migrations import upgrade
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.database.sqlite.database import SqliteDatabase

MIGRATIONS = Path(__file__).parents[3] / "functions" / "booking" / "migrations"


class House:
    """Call Booking's handlers, each in a transaction of its own, as the platform does."""

    def __init__(self, database: Any, place: Path | PostgresUrl) -> None:
        self.database = database
        self.place = place
        self.clashes = 0

    async def call(self, handler: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
        deadline = asyncio.get_running_loop().time() + 30
        readonly = handler.__neurova__.method == "GET"  # type: ignore[attr-defined]
        tx = self.database.transaction(readonly=readonly, deadline=deadline)
        while True:
            try:
                result = await handler(**arguments, tx=tx)
                await tx.commit()
                return result
            except BaseException:
                await tx.rollback()
                if tx.conflict is None:
                    raise
            self.clashes += 1
            tx = await tx.conflict.retry()

    def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` on a loop, and close the database."""

        async def whole() -> None:
            try:
                await work()
            finally:
                await self.database.close()

        asyncio.run(whole())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    if request.param == "sqlite":
        upgrade(tmp_path / "booking.db", MIGRATIONS)
        return House(SqliteDatabase(tmp_path / "booking.db"), tmp_path / "booking.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    url = PostgresUrl(server.create())
    upgrade(url, MIGRATIONS)
    return House(PostgresDatabase(url), url)

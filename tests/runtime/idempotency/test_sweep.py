"""All expired replies are deleted, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from neurova.database.base import StoredResponse
from neurova.database.sqlite.database import SqliteDatabase
from neurova.idempotency.sweep import sweep, sweep_periodically

DAY = 86_400.0


class Database(SqliteDatabase):
    """A database with a clock, whose first sweep may fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, lambda: self.now)
        self.now = 0.0
        self.fails = False

    async def delete_expired(self) -> int:
        if self.fails:
            self.fails = False
            raise OSError("disk full")
        return await super().delete_expired()

    async def store(self, replies: int) -> None:
        deadline = _soon()
        for number in range(replies):
            key_lock = await self.lock_key(number.to_bytes(32, "big"), deadline)
            tx = key_lock.transaction(deadline)
            await key_lock.store(tx, StoredResponse(b"", 200, b"", (), b""))
            await tx.commit()
            await key_lock.release()

    async def count(self) -> int:
        tx = self.transaction(readonly=True, deadline=_soon())
        number = (await tx.execute(text("SELECT count(*) FROM nv_idempotency"))).scalar_one()
        await tx.rollback()
        return int(number)


def _soon() -> float:
    return asyncio.get_running_loop().time() + 20


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "x.db")
    yield database
    await database.close()


async def test_expired_replies_are_deleted_in_batches(database: Database) -> None:
    await database.store(120)
    assert await sweep(database, 0) == 0
    assert await database.count() == 120
    database.now = DAY + 1
    assert await sweep(database, 0) == 120
    assert await sweep(database, 0) == 0


async def test_sweeping_goes_on_after_a_failure(database: Database, caplog: Any) -> None:
    await database.store(1)
    database.now, database.fails = DAY + 1, True
    sweeper = asyncio.create_task(sweep_periodically(lambda: [database], 0.001))
    async with asyncio.timeout(20):
        while await database.count():
            await asyncio.sleep(0)
    sweeper.cancel()
    assert "disk full" in caplog.text


async def test_rounds_of_processes_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def record(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 50:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", record)
    with pytest.raises(asyncio.CancelledError):
        await sweep_periodically(list, 600.0)
    assert all(300 <= pause <= 900 for pause in pauses)
    assert len(set(pauses)) > 40

"""Answers whose time is over are deleted, all of them, whatever fails in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from neurova.database.base import StoredResponse
from neurova.database.sqlite.database import SqliteDatabase
from neurova.idempotency.sweep import sweep, sweep_periodically


class Store(SqliteDatabase):
    """A database whose first sweep fails."""

    failing = False

    async def delete_expired(self) -> int:
        if self.failing:
            self.failing = False
            raise OSError("no disk")
        return await super().delete_expired()


async def fill(database: SqliteDatabase, answers: int) -> None:
    deadline = asyncio.get_running_loop().time() + 20
    for number in range(answers):
        key_lock = await database.lock_key(number.to_bytes(32, "big"), deadline)
        tx = key_lock.transaction(deadline)
        await key_lock.store(tx, StoredResponse(b"", 200, b"", (), b""))
        await tx.commit()
        await key_lock.release()


async def left(database: SqliteDatabase) -> int:
    deadline = asyncio.get_running_loop().time() + 20
    tx = database.transaction(readonly=True, deadline=deadline)
    found = (await tx.execute(text("SELECT count(*) FROM nv_idempotency"))).scalar_one()
    await tx.rollback()
    return int(found)


def test_all_that_is_over_is_deleted_batch_by_batch(tmp_path: Path) -> None:
    async def run() -> None:
        now = [0.0]
        database = SqliteDatabase(tmp_path / "x.db", lambda: now[0])
        await fill(database, 120)
        assert await sweep(database, 0) == 0
        assert await left(database) == 120
        now[0] = 86_401.0
        assert await sweep(database, 0) == 120
        assert await sweep(database, 0) == 0
        await database.close()

    asyncio.run(run())


def test_rounds_go_on_after_one_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async def run() -> None:
        now = [0.0]
        database = Store(tmp_path / "x.db", lambda: now[0])
        await fill(database, 1)
        now[0], database.failing = 86_401.0, True
        keeper = asyncio.create_task(sweep_periodically(lambda: [database], 0.001))
        async with asyncio.timeout(20):
            while await left(database):
                await asyncio.sleep(0.001)
        keeper.cancel()
        assert "no disk" in caplog.text
        await database.close()

    asyncio.run(run())


def test_rounds_of_processes_do_not_begin_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def slept(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 50:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", slept)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(sweep_periodically(list, 600.0))
    assert all(300 <= pause <= 900 for pause in pauses)
    assert len(set(pauses)) > 40

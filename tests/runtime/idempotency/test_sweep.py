"""All expired responses are deleted, despite failures in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from neurova.idempotency.sweep import sweep, sweep_periodically


class Database:
    """Report deleted batches of these sizes; raise an item that is an exception."""

    def __init__(self, *batches: int | Exception) -> None:
        self.batches = list(batches)

    async def delete_expired(self) -> int:
        batch = self.batches.pop(0) if self.batches else 0
        if isinstance(batch, Exception):
            raise batch
        return batch


async def test_expired_replies_are_deleted_in_batches() -> None:
    database: Any = Database(100, 100, 20)
    assert await sweep(database, 0) == 220
    assert await sweep(database, 0) == 0


async def test_sweeping_goes_on_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    failing, other = Database(OSError("disk full"), 1), Database(1)
    pauses: list[float] = []

    async def record(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 50:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", record)
    databases: Any = [failing, other]
    with pytest.raises(asyncio.CancelledError):
        await sweep_periodically(lambda: databases, 600.0)
    assert failing.batches == other.batches == []
    assert "disk full" in caplog.text
    rounds = [pause for pause in pauses if pause > 1]
    assert all(300 <= pause <= 900 for pause in rounds)
    assert len(set(rounds)) > 40  # random pauses spread the sweeps of several processes

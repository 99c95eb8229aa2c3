"""Locks on idempotency keys within one process."""

from __future__ import annotations

import asyncio
import random

import pytest

from neurova.database import key_locks
from neurova.database.base import KeyLocked, StoredResponse
from neurova.database.key_locks import LocalKeyLocks

KEY = b"k"
RESPONSE = StoredResponse(b"f", 200, b"", (), b"")


def soon(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_number_of_waiters_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_locks, "MAX_WAITING", 2)
    locks = LocalKeyLocks()
    await locks.lock(KEY, soon())
    waiting = [asyncio.ensure_future(locks.lock(KEY, soon())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(KeyLocked):
        await locks.lock(KEY, soon())
    locks.release(KEY, RESPONSE)
    await asyncio.gather(*waiting)
    assert await locks.lock(KEY, soon()) is None
    waiting = [asyncio.ensure_future(locks.lock(KEY, soon())) for _ in range(2)]
    await asyncio.sleep(0)
    locks.release(KEY, RESPONSE)
    assert await asyncio.gather(*waiting) == [RESPONSE] * 2


@pytest.mark.parametrize("seed", range(5))
async def test_random_cancellations_keep_locks_exclusive(seed: int) -> None:
    """60 calls use three keys; half are cancelled after a random number of loop iterations."""
    rng = random.Random(seed)
    locks, holders = LocalKeyLocks(), dict[bytes, int]()

    async def one(key: bytes) -> None:
        if await locks.lock(key, soon()) is not None:
            return
        holders[key] = holders.get(key, 0) + 1
        try:
            assert holders[key] == 1
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)
        finally:
            holders[key] -= 1
            locks.release(key, RESPONSE if rng.random() < 0.1 else None)

    tasks = [asyncio.create_task(one(b"abc"[number % 3 :][:1])) for number in range(60)]
    victims = rng.sample(tasks, 30)
    for victim in victims:
        await asyncio.sleep(0)
        victim.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in ended} <= {type(None), asyncio.CancelledError}
    spared = [each for task, each in zip(tasks, ended, strict=True) if task not in victims]
    assert spared == [None] * 30
    assert len(locks) == 0

"""Keys are given to one call at a time, in line, and nothing remains of them."""

from __future__ import annotations

import asyncio
import random

import pytest

from neurova.database import key_locks
from neurova.database.base import KeyLocked, StoredResponse
from neurova.database.key_locks import LocalKeyLocks

KEY = b"k"
ANSWER = StoredResponse(b"f", 200, b"", (), b"")


def soon(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


def test_those_in_line_have_the_key_in_the_order_in_which_they_asked() -> None:
    async def run() -> None:
        line, order = LocalKeyLocks(), list[int]()

        async def one(number: int) -> None:
            assert await line.lock(KEY, soon()) is None
            order.append(number)
            await asyncio.sleep(0)
            line.release(KEY)

        await asyncio.gather(*(one(number) for number in range(20)))
        assert order == list(range(20))
        assert len(line) == 0

    asyncio.run(run())


def test_those_in_line_are_all_given_the_answer_and_nobody_the_key() -> None:
    async def run() -> None:
        line = LocalKeyLocks()
        assert await line.lock(KEY, soon()) is None
        waiting = [asyncio.ensure_future(line.lock(KEY, soon())) for _ in range(20)]
        await asyncio.sleep(0)
        line.release(KEY, ANSWER)
        assert await asyncio.gather(*waiting) == [ANSWER] * 20
        assert len(line) == 0
        assert await line.lock(KEY, soon()) is None

    asyncio.run(run())


def test_whoever_waits_longer_than_it_may_is_told_so() -> None:
    async def run() -> None:
        line = LocalKeyLocks()
        await line.lock(KEY, soon())
        with pytest.raises(KeyLocked):
            await line.lock(KEY, soon(0.01))
        line.release(KEY)
        assert len(line) == 0

    asyncio.run(run())


def test_over_the_bound_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_locks, "MAX_WAITING", 2)

    async def run() -> None:
        line = LocalKeyLocks()
        await line.lock(KEY, soon())
        waiting = [asyncio.ensure_future(line.lock(KEY, soon())) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(KeyLocked):
            await line.lock(KEY, soon())
        line.release(KEY, ANSWER)
        await asyncio.gather(*waiting)
        assert await line.lock(KEY, soon()) is None
        waiting = [asyncio.ensure_future(line.lock(KEY, soon())) for _ in range(2)]
        await asyncio.sleep(0)
        line.release(KEY, ANSWER)
        assert await asyncio.gather(*waiting) == [ANSWER] * 2

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(5))
def test_whoever_is_cancelled_whenever_no_key_is_lost_nor_had_twice(seed: int) -> None:
    """60 calls for three keys; half of them are cancelled after some turns of the loop."""
    chance = random.Random(seed)

    async def run() -> None:
        line, holders = LocalKeyLocks(), dict[bytes, int]()

        async def one(key: bytes) -> None:
            if await line.lock(key, soon()) is not None:
                return
            holders[key] = holders.get(key, 0) + 1
            try:
                assert holders[key] == 1
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
            finally:
                holders[key] -= 1
                line.release(key, ANSWER if chance.random() < 0.1 else None)

        tasks = [asyncio.create_task(one(b"abc"[number % 3 :][:1])) for number in range(60)]
        victims = chance.sample(tasks, 30)
        for victim in victims:
            await asyncio.sleep(0)
            victim.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in ended} <= {type(None), asyncio.CancelledError}
        spared = [each for task, each in zip(tasks, ended, strict=True) if task not in victims]
        assert spared == [None] * 30
        assert len(line) == 0

    asyncio.run(run())

from __future__ import annotations

import asyncio

import pytest

from neurova.database.pool import ConnectionPool
from neurova.errors import Unavailable

FAR = 1e12


def test_waiting_borrowers_are_served_in_the_order_in_which_they_came() -> None:
    async def run() -> None:
        pool = ConnectionPool(["item"], "the store", "writing")
        item = await pool.acquire(FAR)
        served: list[int] = []

        async def borrower(number: int) -> None:
            borrowed = await pool.acquire(FAR)
            served.append(number)
            await asyncio.sleep(0)
            pool.release(borrowed)

        tasks = [asyncio.create_task(borrower(number)) for number in range(20)]
        await asyncio.sleep(0)
        pool.release(item)
        await asyncio.gather(*tasks)
        assert served == list(range(20))

    asyncio.run(run())


def test_no_item_is_lent_twice_and_the_last_given_back_is_lent_first() -> None:
    async def run() -> None:
        pool = ConnectionPool([1, 2, 3], "the store", "writing")
        lent = [await pool.acquire(FAR) for _ in range(3)]
        assert sorted(lent) == [1, 2, 3]
        pool.release(1)
        pool.release(3)
        assert await pool.acquire(FAR) == 3

    asyncio.run(run())


def test_who_waits_until_the_deadline_is_told_unavailable_and_takes_no_turn() -> None:
    async def run() -> None:
        pool = ConnectionPool(["item"], "the store", "writing")
        item = await pool.acquire(FAR)
        with pytest.raises(Unavailable, match="the store: all connections for writing were in use"):
            await pool.acquire(asyncio.get_running_loop().time() + 0.01)
        pool.release(item)
        assert await pool.acquire(FAR) == "item"

    asyncio.run(run())


@pytest.mark.parametrize("moment", ["waiting", "served"])
def test_a_borrower_cancelled_while_it_waits_or_is_served_loses_no_item(moment: str) -> None:
    async def run() -> None:
        pool = ConnectionPool(["item"], "the store", "writing")
        item = await pool.acquire(FAR)
        leaving = asyncio.create_task(pool.acquire(FAR))
        staying = asyncio.create_task(pool.acquire(FAR))
        await asyncio.sleep(0)
        if moment == "served":
            pool.release(item)
        leaving.cancel()
        await asyncio.sleep(0)
        if moment == "waiting":
            pool.release(item)
        assert await staying == "item"
        assert leaving.cancelled()

    asyncio.run(run())


def test_closing_serves_those_who_wait_refuses_others_and_ends_when_all_is_back() -> None:
    async def run() -> None:
        pool = ConnectionPool(["item"], "the store", "writing")
        item = await pool.acquire(FAR)
        waiting = asyncio.create_task(pool.acquire(FAR))
        await asyncio.sleep(0)
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="the store: the database is closing"):
            await pool.acquire(FAR)
        pool.release(item)
        item = await waiting
        assert not closing.done()
        pool.release(item)
        assert await closing == ["item"]

    asyncio.run(run())

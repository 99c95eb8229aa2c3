from __future__ import annotations

import asyncio

import pytest

from neurova.database.pool import Pool
from neurova.errors import Unavailable

FAR = 1e12


def test_waiting_borrowers_are_served_in_the_order_in_which_they_came() -> None:
    async def run() -> None:
        pool = Pool(["item"], "the store")
        item = await pool.borrow(FAR)
        served: list[int] = []

        async def borrower(number: int) -> None:
            borrowed = await pool.borrow(FAR)
            served.append(number)
            await asyncio.sleep(0)
            pool.give_back(borrowed)

        tasks = [asyncio.create_task(borrower(number)) for number in range(20)]
        await asyncio.sleep(0)
        pool.give_back(item)
        await asyncio.gather(*tasks)
        assert served == list(range(20))

    asyncio.run(run())


def test_no_item_is_lent_twice_and_the_last_given_back_is_lent_first() -> None:
    async def run() -> None:
        pool = Pool([1, 2, 3], "the store")
        lent = [await pool.borrow(FAR) for _ in range(3)]
        assert sorted(lent) == [1, 2, 3]
        pool.give_back(1)
        pool.give_back(3)
        assert await pool.borrow(FAR) == 3

    asyncio.run(run())


def test_who_waits_until_the_deadline_is_told_unavailable_and_takes_no_turn() -> None:
    async def run() -> None:
        pool = Pool(["item"], "the store")
        item = await pool.borrow(FAR)
        with pytest.raises(Unavailable, match="the store was busy until the deadline"):
            await pool.borrow(asyncio.get_running_loop().time() + 0.01)
        pool.give_back(item)
        assert await pool.borrow(FAR) == "item"

    asyncio.run(run())


@pytest.mark.parametrize("moment", ["waiting", "served"])
def test_a_borrower_cancelled_while_it_waits_or_is_served_loses_no_item(moment: str) -> None:
    async def run() -> None:
        pool = Pool(["item"], "the store")
        item = await pool.borrow(FAR)
        leaving = asyncio.create_task(pool.borrow(FAR))
        staying = asyncio.create_task(pool.borrow(FAR))
        await asyncio.sleep(0)
        if moment == "served":
            pool.give_back(item)
        leaving.cancel()
        await asyncio.sleep(0)
        if moment == "waiting":
            pool.give_back(item)
        assert await staying == "item"
        assert leaving.cancelled()

    asyncio.run(run())


def test_closing_serves_those_who_wait_refuses_others_and_ends_when_all_is_back() -> None:
    async def run() -> None:
        pool = Pool(["item"], "the store")
        item = await pool.borrow(FAR)
        waiting = asyncio.create_task(pool.borrow(FAR))
        await asyncio.sleep(0)
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="the store is closing"):
            await pool.borrow(FAR)
        pool.give_back(item)
        item = await waiting
        assert not closing.done()
        pool.give_back(item)
        assert await closing == ["item"]

    asyncio.run(run())

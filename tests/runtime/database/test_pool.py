"""The pool of connections."""

from __future__ import annotations

import asyncio

import pytest

from neurova.database.pool import ConnectionPool
from neurova.errors import Unavailable

FAR = 1e12


async def test_borrowers_are_served_first_come_first_served() -> None:
    pool = ConnectionPool(["connection"], "the store", "writing")
    connection = await pool.acquire(FAR)
    served: list[int] = []

    async def borrower(number: int) -> None:
        borrowed = await pool.acquire(FAR)
        served.append(number)
        await asyncio.sleep(0)
        pool.release(borrowed)

    tasks = [asyncio.create_task(borrower(number)) for number in range(20)]
    await asyncio.sleep(0)
    pool.release(connection)
    await asyncio.gather(*tasks)
    assert served == list(range(20))


@pytest.mark.parametrize("moment", ["waiting", "served"])
async def test_cancelled_borrower_loses_no_connection(moment: str) -> None:
    pool = ConnectionPool(["connection"], "the store", "writing")
    connection = await pool.acquire(FAR)
    leaving = asyncio.create_task(pool.acquire(FAR))
    staying = asyncio.create_task(pool.acquire(FAR))
    await asyncio.sleep(0)
    if moment == "served":
        pool.release(connection)
    leaving.cancel()
    await asyncio.sleep(0)
    if moment == "waiting":
        pool.release(connection)
    assert await staying == "connection"
    assert leaving.cancelled()


async def test_close_serves_waiters_and_refuses_others() -> None:
    pool = ConnectionPool(["connection"], "the store", "writing")
    connection = await pool.acquire(FAR)
    waiting = asyncio.create_task(pool.acquire(FAR))
    await asyncio.sleep(0)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="the store: the database is closing"):
        await pool.acquire(FAR)
    pool.release(connection)
    connection = await waiting
    assert not closing.done()
    pool.release(connection)
    assert await closing == ["connection"]

"""What every backend guarantees when a call fails or is cancelled, or the database closes."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import Integer, func, select
from tests.contracts.databases import Open, Pair, begin, count, rooms, sale, sales, transact, write

from neurova.database.base import Database, Transaction
from neurova.errors import Unavailable


async def test_blocked_writer_is_unavailable_at_its_deadline(
    databases: Pair,
) -> None:
    first, second = databases
    holder = begin(first)
    await holder.execute(sale(1))
    for database in (first, second):
        tx = begin(database, seconds=0.05)
        with pytest.raises(Unavailable):
            await tx.execute(sale(1))  # PostgreSQL locks only the row of the first sale
        await tx.rollback()
    await holder.commit()
    await write(second, sale(2))
    assert await count(first) == 2


@pytest.mark.parametrize("stage", ["waiting", "reading", "inserted", "updating", "committing"])
async def test_cancelled_call_leaves_all_or_nothing(database: Database, stage: str) -> None:
    """After a cancellation at any stage, others can write and no partial transaction is stored."""

    async def victim(database: Database, at: asyncio.Event) -> None:
        tx = begin(database)
        try:
            if stage == "waiting":
                at.set()
            await tx.execute(select(rooms))
            if stage == "reading":
                at.set()
                await tx.execute(endless())
            await tx.execute(sale(1))
            if stage == "inserted":
                at.set()
                await asyncio.Event().wait()
            if stage == "updating":
                at.set()
                await tx.execute(sales.update().values(buyer=endless().scalar_subquery()))
            await tx.execute(sale(2))
            if stage == "committing":
                at.set()
            await tx.commit()
        finally:
            await tx.rollback()

    await write(database, rooms.insert().values(name="a", free=1))
    holder = begin(database)
    if stage == "waiting":
        await holder.execute(sale(9))
    at = asyncio.Event()
    task = asyncio.create_task(victim(database, at))
    await at.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await holder.rollback()
    await write(database, sale(3))
    assert await count(database) == (3 if stage == "committing" else 1)


def endless() -> Any:
    """Return a SELECT that never ends by itself."""
    numbers = select(func.cast(1, Integer).label("n")).cte(recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < 1_000_000_000_000))
    return select(func.count()).select_from(numbers)


@pytest.mark.parametrize("seed", range(5))
async def test_random_cancellations_leave_whole_transactions(database: Database, seed: int) -> None:
    """80 calls write two rows each; most are cancelled after a random number of loop iterations."""
    chance = random.Random(seed)

    async def pair(database: Database, number: int) -> None:
        async def both(tx: Transaction) -> None:
            await tx.execute(sale(2 * number))
            await tx.execute(sales.update().where(sales.c.id < 0).values(buyer="nobody"))
            await tx.execute(sale(2 * number + 1))

        await transact(database, both)

    tasks = [asyncio.create_task(pair(database, number)) for number in range(80)]
    spared = set(chance.sample(range(80), 20))
    for iteration in range(400):
        await asyncio.sleep(0.0002 if iteration % 3 == 0 else 0)
        victim = chance.randrange(80)
        if victim not in spared:
            tasks[victim].cancel()
    await asyncio.wait(tasks)
    tx = begin(database, readonly=True)
    there = set((await tx.execute(select(sales.c.id))).scalars().all())
    await tx.rollback()
    whole = {number for number in range(80) if {2 * number, 2 * number + 1} <= there}
    assert len(there) == 2 * len(whole)
    assert spared <= whole


async def test_results_of_writes_report_keys_and_counts(database: Database) -> None:
    tx = begin(database)
    inserted = await tx.execute(sales.insert(), {"buyer": "ada"})
    assert inserted.inserted_primary_key == (1,)  # type: ignore[attr-defined]
    again = await tx.execute(sales.insert().values(buyer="bob").returning(sales.c.id))
    assert again.scalar_one() == 2
    changed = await tx.execute(sales.update().values(buyer="cyd"))
    assert changed.rowcount == 2  # type: ignore[attr-defined]
    await tx.rollback()


async def test_cancelled_statement_leaves_the_transaction_usable(database: Database) -> None:
    await write(database, sale(1))
    tx = begin(database)
    cancelled = asyncio.create_task(tx.execute(sales.update().values(buyer="bob")))
    await asyncio.sleep(0)
    cancelled.cancel()
    await tx.execute(sale(2))
    await tx.commit()
    assert await count(database) == 2


async def test_close_waits_for_open_transactions(open_database: Open) -> None:
    database = open_database()
    tx = begin(database)
    await tx.execute(sale(1))
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    assert not closing.done()
    with pytest.raises(Unavailable, match="closing"):
        await count(database)
    await tx.execute(sale(2))
    await tx.commit()
    await closing
    again = open_database()
    assert await count(again) == 2
    await again.close()

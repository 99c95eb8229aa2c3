"""What every backend of a service's database promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from tests.contracts.databases import Open, begin, count, rooms, sale, sales, transact, write

from neurova.database.base import Database, Transaction, TransactionError


def test_what_was_committed_is_read_by_later_transactions(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        await write(database, sale(1), sale(2))
        assert await count(database) == 2
        await database.close()
        again = opened()
        assert await count(again) == 2
        await again.close()

    asyncio.run(run())


def test_a_rollback_leaves_nothing(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        tx = begin(database)
        await tx.execute(sale(1))
        await tx.rollback()
        await tx.rollback()
        assert await count(database) == 0
        await database.close()

    asyncio.run(run())


def test_what_is_not_committed_is_seen_by_nobody_else(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        tx = begin(database)
        await tx.execute(sale(1))
        assert await count(database) == 0
        await tx.commit()
        assert await count(database) == 1
        await database.close()

    asyncio.run(run())


def test_a_reading_transaction_sees_one_state_from_its_first_statement_on(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        await write(database, sale(1))
        reader = begin(database, readonly=True)
        size = select(func.count()).select_from(sales)
        assert (await reader.execute(size)).scalar_one() == 1
        await write(database, sale(2))
        assert (await reader.execute(size)).scalar_one() == 1
        await reader.rollback()
        assert await count(database) == 2
        await database.close()

    asyncio.run(run())


@pytest.mark.parametrize("statement", [sale(1), text("INSERT INTO sales (id) VALUES (1)")])
def test_a_write_in_a_reading_transaction_is_refused_and_says_so(
    opened: Open, statement: Any
) -> None:
    async def run() -> None:
        database = opened()
        tx = begin(database, readonly=True)
        with pytest.raises(TransactionError, match="answers GET"):
            await tx.execute(statement)
        await tx.rollback()
        assert await count(database) == 0
        await database.close()

    asyncio.run(run())


def test_results_outlive_their_transaction_in_every_form(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        await write(database, sale(1), sale(2, "bob"), sale(3, "cyd"))
        tx = begin(database, readonly=True)
        everything = select(sales).order_by(sales.c.id)
        results = [await tx.execute(everything) for _ in range(7)]
        await tx.rollback()
        await database.close()
        assert results[0].all() == [(1, "ada"), (2, "bob"), (3, "cyd")]
        assert results[1].first() == (1, "ada")
        assert results[2].scalars().all() == [1, 2, 3]
        assert results[3].mappings().all()[1] == {"id": 2, "buyer": "bob"}
        assert [row.buyer for row in results[4]] == ["ada", "bob", "cyd"]
        assert results[5].fetchmany(2) == [(1, "ada"), (2, "bob")]
        assert [results[6].fetchone() for _ in range(4)][2:] == [(3, "cyd"), None]

    asyncio.run(run())


def test_an_integrity_error_reaches_the_function_and_the_transaction_goes_on(
    opened: Open,
) -> None:
    async def run() -> None:
        database = opened()

        async def twice(tx: Transaction) -> None:
            await tx.execute(sale(1))
            with pytest.raises(IntegrityError):
                await tx.execute(sale(1))
            await tx.execute(sale(2))

        await transact(database, twice)
        assert await count(database) == 2
        await database.close()

    asyncio.run(run())


def test_an_error_names_nothing_that_was_given(opened: Open) -> None:
    """It comes into the log, where a customer's data has no place."""

    async def run() -> None:
        database = opened()

        async def wrong(tx: Transaction) -> None:
            for statement in (sale(1, "ada@example.org"), sale(1, "ada@example.org")):
                await tx.execute(statement)

        with pytest.raises(IntegrityError) as caught:
            await transact(database, wrong)
        assert "ada@example.org" not in str(caught.value)
        await database.close()

    asyncio.run(run())


def test_a_statement_after_the_end_is_refused_and_says_so(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        for end in ("commit", "rollback"):
            tx = begin(database)
            await tx.execute(select(rooms))
            await getattr(tx, end)()
            with pytest.raises(TransactionError, match="has ended"):
                await tx.execute(sale(1))
        assert await count(database) == 0
        await database.close()

    asyncio.run(run())


def test_a_transaction_that_ends_while_it_waits_to_begin_holds_nothing(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        holder, late = begin(database), begin(database)
        await holder.execute(sale(1))
        waiting = asyncio.create_task(late.execute(sale(2)))
        await asyncio.sleep(0)
        await late.rollback()
        await holder.commit()
        with pytest.raises(TransactionError, match="has ended"):
            await waiting
        await write(database, sale(3))
        assert await count(database) == 2
        await database.close()

    asyncio.run(run())


def test_a_transaction_without_statements_holds_nothing(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        idle = [begin(database) for _ in range(50)]
        await write(database, sale(1))
        for tx in idle:
            await tx.commit()
        await database.close()

    asyncio.run(run())


def test_statements_of_one_transaction_started_together_run_one_after_another(
    opened: Open,
) -> None:
    async def run() -> None:
        database = opened()
        tx = begin(database)
        changes = [sale(1), sales.update().values(buyer="bob"), sale(2), sales.delete(), sale(3)]
        await asyncio.gather(*(tx.execute(change) for change in changes))
        await tx.commit()
        assert await count(database) == 1
        await database.close()

    asyncio.run(run())


async def sell_last_room(database: Database, buyer: str) -> bool:
    async def sell(tx: Transaction) -> bool:
        free = (await tx.execute(select(rooms.c.free).where(rooms.c.name == "a"))).scalar_one()
        await asyncio.sleep(0)
        if free < 1:
            return False
        await tx.execute(rooms.update().values(free=rooms.c.free - 1))
        await tx.execute(sales.insert().values(buyer=buyer))
        return True

    return await transact(database, sell)


def test_of_200_who_buy_the_last_room_at_once_one_gets_it(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        await write(database, rooms.insert().values(name="a", free=1))
        sold = await asyncio.gather(*(sell_last_room(database, str(n)) for n in range(200)))
        assert sum(sold) == 1
        assert await count(database) == 1
        await database.close()

    asyncio.run(run())


def test_two_database_objects_on_one_store_sell_the_last_room_once(opened: Open) -> None:
    async def run() -> None:
        first, second = opened(), opened()
        await write(first, rooms.insert().values(name="a", free=1))
        sold = await asyncio.gather(
            *(sell_last_room((first, second)[n % 2], str(n)) for n in range(60))
        )
        assert sum(sold) == 1
        await first.close()
        await second.close()

    asyncio.run(run())

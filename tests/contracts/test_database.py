"""What every backend of a service's database promises."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, func, select, text
from sqlalchemy.exc import IntegrityError

from neurova.database.base import Database, Transaction, TransactionError
from neurova.database.sqlite import SqliteDatabase
from neurova.errors import Unavailable

metadata = MetaData()
rooms = Table("rooms", metadata, Column("name", String, primary_key=True), Column("free", Integer))
sales = Table("sales", metadata, Column("id", Integer, primary_key=True), Column("buyer", String))

Open = Callable[[], Database]


def on_sqlite(folder: Path) -> Open:
    path = folder / "contract.db"
    metadata.create_all(create_engine(f"sqlite:///{path}"))
    return lambda: SqliteDatabase(path)


BACKENDS = {"sqlite": on_sqlite}


@pytest.fixture(params=sorted(BACKENDS))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Give what opens one more `Database` on one and the same store, empty at first."""
    return BACKENDS[request.param](tmp_path)


def begin(database: Database, *, readonly: bool = False, seconds: float = 20) -> Transaction:
    deadline = asyncio.get_running_loop().time() + seconds
    return database.transaction(readonly=readonly, deadline=deadline)


async def write(database: Database, *statements: Any) -> None:
    tx = begin(database)
    for statement in statements:
        await tx.execute(statement)
    await tx.commit()


async def count(database: Database) -> int:
    tx = begin(database, readonly=True)
    found = (await tx.execute(select(func.count()).select_from(sales))).scalar_one()
    await tx.rollback()
    return int(found)


def sale(number: int, buyer: str = "ada") -> Any:
    return sales.insert().values(id=number, buyer=buyer)


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
        tx = begin(database)
        await tx.execute(sale(1))
        with pytest.raises(IntegrityError):
            await tx.execute(sale(1))
        await tx.execute(sale(2))
        await tx.commit()
        assert await count(database) == 2
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
    tx = begin(database)
    free = (await tx.execute(select(rooms.c.free).where(rooms.c.name == "a"))).scalar_one()
    await asyncio.sleep(0)
    if free < 1:
        await tx.rollback()
        return False
    await tx.execute(rooms.update().values(free=rooms.c.free - 1))
    await tx.execute(sales.insert().values(buyer=buyer))
    await tx.commit()
    return True


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


def test_a_writer_locked_out_until_its_deadline_is_unavailable_and_holds_nothing(
    opened: Open,
) -> None:
    async def run() -> None:
        first, second = opened(), opened()
        holder = begin(first)
        await holder.execute(sale(1))
        for database in (first, second):
            tx = begin(database, seconds=0.05)
            with pytest.raises(Unavailable):
                await tx.execute(sale(2))
            await tx.rollback()
        await holder.commit()
        await write(second, sale(2))
        assert await count(first) == 2
        await first.close()
        await second.close()

    asyncio.run(run())


@pytest.mark.parametrize("stage", ["waiting", "reading", "inserted", "updating", "committing"])
def test_a_call_cancelled_at_any_stage_leaves_all_or_nothing_and_frees_the_store(
    opened: Open, stage: str
) -> None:
    """Cancel where the transaction waits; then others write, and no half of it is there."""
    reached = asyncio.Event

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

    async def run() -> None:
        database = opened()
        await write(database, rooms.insert().values(name="a", free=1))
        holder = begin(database)
        if stage == "waiting":
            await holder.execute(sale(9))
        at = reached()
        task = asyncio.create_task(victim(database, at))
        await at.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await holder.rollback()
        await write(database, sale(3))
        assert await count(database) == (3 if stage == "committing" else 1)
        await database.close()

    asyncio.run(run())


def endless() -> Any:
    """Return a SELECT that ends only when it is stopped."""
    numbers = select(func.cast(1, Integer).label("n")).cte(recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < 1_000_000_000_000))
    return select(func.count()).select_from(numbers)


@pytest.mark.parametrize("seed", range(5))
def test_whenever_calls_are_cancelled_each_is_there_whole_or_not_at_all(
    opened: Open, seed: int
) -> None:
    """80 calls write two rows each; most are cancelled after some turns of the loop."""
    chance = random.Random(seed)

    async def pair(database: Database, number: int) -> None:
        tx = begin(database)
        try:
            await tx.execute(sale(2 * number))
            await tx.execute(sales.update().where(sales.c.id < 0).values(buyer="nobody"))
            await tx.execute(sale(2 * number + 1))
            await tx.commit()
        finally:
            await tx.rollback()

    async def run() -> None:
        database = opened()
        tasks = [asyncio.create_task(pair(database, number)) for number in range(80)]
        spared = set(chance.sample(range(80), 20))
        for turn in range(400):
            await asyncio.sleep(0.0002 if turn % 3 == 0 else 0)
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
        await database.close()

    asyncio.run(run())


def test_results_of_writes_tell_what_was_written(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        tx = begin(database)
        made = await tx.execute(sales.insert(), {"buyer": "ada"})
        assert made.inserted_primary_key == (1,)  # type: ignore[attr-defined]
        again = await tx.execute(sales.insert().values(buyer="bob").returning(sales.c.id))
        assert again.scalar_one() == 2
        changed = await tx.execute(sales.update().values(buyer="cyd"))
        assert changed.rowcount == 2  # type: ignore[attr-defined]
        await tx.rollback()
        await database.close()

    asyncio.run(run())


def test_a_function_that_gives_one_statement_up_may_go_on_with_the_next(opened: Open) -> None:
    async def run() -> None:
        database = opened()
        await write(database, sale(1))
        tx = begin(database)
        giving_up = asyncio.create_task(tx.execute(sales.update().values(buyer="bob")))
        await asyncio.sleep(0)
        giving_up.cancel()
        await tx.execute(sale(2))
        await tx.commit()
        assert await count(database) == 2
        await database.close()

    asyncio.run(run())


def test_closing_lets_a_transaction_end_and_refuses_new_ones(opened: Open) -> None:
    async def run() -> None:
        database = opened()
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
        again = opened()
        assert await count(again) == 2
        await again.close()

    asyncio.run(run())

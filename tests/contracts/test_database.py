"""What every backend of a service's database guarantees."""

from __future__ import annotations

import asyncio
from threading import Thread, current_thread
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from tests.contracts.databases import Open, Pair, begin, count, rooms, sale, sales, transact, write

from neurova.database.base import Database, Transaction, TransactionError
from neurova.execution.snapshot import Snapshot


async def test_commit_survives_reopening(open_database: Open) -> None:
    database = open_database()
    await write(database, sale(1), sale(2))
    assert await count(database) == 2
    await database.close()
    again = open_database()
    assert await count(again) == 2
    await again.close()


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_only_committed_changes_are_visible_to_others(database: Database, end: str) -> None:
    tx = begin(database)
    await tx.execute(sale(1))
    assert await count(database) == 0
    await getattr(tx, end)()
    assert await count(database) == (end == "commit")
    with pytest.raises(TransactionError, match="has ended"):
        await tx.execute(sale(2))
    with pytest.raises(TransactionError, match="has ended"):
        tx.after_commit(print)
    await tx.rollback()


async def test_reader_keeps_its_snapshot(database: Database) -> None:
    await write(database, sale(1))
    reader = begin(database, readonly=True)
    size = select(func.count()).select_from(sales)
    assert (await reader.execute(size)).scalar_one() == 1
    await write(database, sale(2))
    assert (await reader.execute(size)).scalar_one() == 1
    await reader.rollback()
    assert await count(database) == 2


async def test_snapshot_reads_one_state_after_the_deadline_of_its_call(database: Database) -> None:
    """The function's timeout limits the statements instead of the call's deadline."""
    await write(database, sale(1))
    snapshot = Snapshot(database.transaction(readonly=True, deadline=0.0), 20)
    size = select(func.count()).select_from(sales)
    assert (await snapshot.execute(size)).scalar_one() == 1
    await write(database, sale(2))
    assert (await snapshot.execute(size)).scalar_one() == 1
    with pytest.raises(DBAPIError):
        await snapshot.execute(text("SELECT nowhere"))
    await snapshot.close()
    with pytest.raises(TransactionError, match="has ended"):
        await snapshot.execute(size)
    writer = Snapshot(begin(database, readonly=True), 20)
    with pytest.raises(TransactionError, match="a Snapshot, and"):
        await writer.execute(sale(3))
    await writer.close()


@pytest.mark.parametrize("statement", [sale(1), text("INSERT INTO sales (id) VALUES (1)")])
async def test_write_in_reading_transaction_is_refused(database: Database, statement: Any) -> None:
    tx = begin(database, readonly=True)
    with pytest.raises(TransactionError, match="answers GET"):
        await tx.execute(statement)
    await tx.rollback()
    assert await count(database) == 0


async def test_results_outlive_their_transaction(database: Database) -> None:
    await write(database, sale(1), sale(2, "bob"), sale(3, "cyd"))
    tx = begin(database, readonly=True)
    everything = select(sales).order_by(sales.c.id)
    results = [await tx.execute(everything) for _ in range(7)]
    await tx.rollback()
    assert results[0].all() == [(1, "ada"), (2, "bob"), (3, "cyd")]
    assert results[1].first() == (1, "ada")
    assert results[2].scalars().all() == [1, 2, 3]
    assert results[3].mappings().all()[1] == {"id": 2, "buyer": "bob"}
    assert [row.buyer for row in results[4]] == ["ada", "bob", "cyd"]
    assert results[5].fetchmany(2) == [(1, "ada"), (2, "bob")]
    assert [results[6].fetchone() for _ in range(4)][2:] == [(3, "cyd"), None]


async def test_function_may_catch_an_integrity_error(
    database: Database,
) -> None:

    async def twice(tx: Transaction) -> None:
        await tx.execute(sale(1))
        with pytest.raises(IntegrityError):
            await tx.execute(sale(1))
        await tx.execute(sale(2))

    await transact(database, twice)
    assert await count(database) == 2


async def test_errors_hide_parameters(database: Database) -> None:
    """Errors are logged, and statement parameters may contain personal data."""

    async def wrong(tx: Transaction) -> None:
        for statement in (sale(1, "ada@example.org"), sale(1, "ada@example.org")):
            await tx.execute(statement)

    with pytest.raises(IntegrityError) as caught:
        await transact(database, wrong)
    assert "ada@example.org" not in str(caught.value)


@pytest.mark.parametrize("rows", [2, 200])
async def test_many_rows_are_compiled_off_the_event_loop(database: Database, rows: int) -> None:
    compiled_on: list[Thread] = []

    class Name(FunctionElement[str]):
        inherit_cache = False

    @compiles(Name)
    def compile_name(*_: Any, **__: Any) -> str:
        compiled_on.append(current_thread())
        return "'ada'"

    await write(database, sales.insert().values([{"id": n, "buyer": Name()} for n in range(rows)]))
    assert await count(database) == rows
    assert {thread is current_thread() for thread in compiled_on} == {rows == 2}


async def test_rollback_while_waiting_to_begin_holds_nothing(database: Database) -> None:
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


async def test_transaction_without_statements_holds_nothing(database: Database) -> None:
    idle = [begin(database) for _ in range(50)]
    await write(database, sale(1))
    for tx in idle:
        await tx.commit()


async def test_concurrent_statements_of_one_transaction_run_in_order(
    database: Database,
) -> None:
    tx = begin(database)
    changes = [sale(1), sales.update().values(buyer="bob"), sale(2), sales.delete(), sale(3)]
    await asyncio.gather(*(tx.execute(change) for change in changes))
    await tx.commit()
    assert await count(database) == 1


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


async def test_last_room_is_sold_once(database: Database) -> None:
    await write(database, rooms.insert().values(name="a", free=1))
    sold = await asyncio.gather(*(sell_last_room(database, str(n)) for n in range(200)))
    assert sum(sold) == 1
    assert await count(database) == 1


async def test_last_room_is_sold_once_by_two_processes(databases: Pair) -> None:
    first, second = databases
    await write(first, rooms.insert().values(name="a", free=1))
    sold = await asyncio.gather(
        *(sell_last_room((first, second)[n % 2], str(n)) for n in range(60))
    )
    assert sum(sold) == 1


INSERT = "INSERT INTO rooms (name, free) VALUES ($1, $2)"
HOSTILE = "'; DROP TABLE rooms; -- \\' $1 é\n"


@pytest.mark.parametrize("is_first", [True, False])
async def test_statement_at_commit_is_committed(database: Database, is_first: bool) -> None:
    names = [HOSTILE, *(f"{number}" * 20_000 for number in range(3))]
    for name in names:

        async def work(tx: Transaction, name: str = name) -> None:
            if not is_first:
                await tx.execute(sale(names.index(name)))
            await tx.run_at_commit(INSERT, (name, 1.0))

        await transact(database, work)
    tx = begin(database, readonly=True)
    found = (await tx.execute(select(rooms.c.name))).scalars().all()
    await tx.rollback()
    assert sorted(found) == sorted(names)


async def test_failed_statement_at_commit_commits_nothing(database: Database) -> None:
    async def twice(tx: Transaction) -> None:
        await tx.execute(sale(1))
        await tx.run_at_commit(INSERT, ("a", 1.0))
        await tx.run_at_commit(INSERT, ("a", 1.0), ("a", 1.0))

    with pytest.raises(Exception, match=r"(?i)unique|failed"):
        await transact(database, twice)
    assert await count(database) == 0

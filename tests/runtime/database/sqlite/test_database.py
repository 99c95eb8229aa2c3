"""What SQLite behind a `Tx` promises beyond every backend's contract."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    create_engine,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from neurova.database.base import TransactionError
from neurova.database.sqlite.database import SqliteDatabase
from neurova.database.sqlite.transaction import MAX_INLINE_ROWS, MAX_READERS, SqliteTransaction
from neurova.errors import StateError, Unavailable

metadata = MetaData()
things = Table("things", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))
parts = Table("parts", metadata, Column("thing", ForeignKey("things.id"), primary_key=True))
size = select(func.count()).select_from(things)

Body = Callable[[SqliteDatabase], Awaitable[None]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    metadata.create_all(create_engine(f"sqlite:///{tmp_path / 'x.db'}"))
    return tmp_path / "x.db"


def on(path: Path, body: Body) -> None:
    async def run() -> None:
        database = SqliteDatabase(path)
        await body(database)
        await database.close()

    asyncio.run(run())


def begin(
    database: SqliteDatabase, *, readonly: bool = False, seconds: float = 20
) -> SqliteTransaction:
    deadline = asyncio.get_running_loop().time() + seconds
    return database.transaction(readonly=readonly, deadline=deadline)


def numbers(upto: int) -> Any:
    """Return a SELECT of one number that takes about ten instructions for each of `upto`."""
    cte = select(literal(1).label("n")).cte(recursive=True)
    cte = cte.union_all(select(cte.c.n + 1).where(cte.c.n < upto))
    return select(func.count()).select_from(cte)


def test_a_short_select_never_leaves_the_loops_thread_however_often_it_is_run(path: Path) -> None:
    """SQLite's instruction counter goes on over the runs of a cached statement."""

    async def body(database: SqliteDatabase) -> None:
        tx = begin(database, readonly=True)
        for _ in range(3000):
            await tx.execute(size)
        await tx.rollback()
        assert database.thread_calls == 0

    on(path, body)


@pytest.mark.parametrize("readonly", [True, False])
def test_a_long_select_leaves_the_loop_free_and_gives_the_right_answer(
    path: Path, readonly: bool
) -> None:
    async def body(database: SqliteDatabase) -> None:
        tx = begin(database, readonly=readonly)
        running = asyncio.create_task(tx.execute(numbers(300_000)))
        await asyncio.sleep(0)
        assert database.thread_calls == 1
        assert not running.done()
        assert (await running).scalar_one() == 300_000
        await tx.rollback()

    on(path, body)


def test_a_select_that_was_moved_reads_the_state_that_its_transaction_began_with(
    path: Path,
) -> None:
    async def body(database: SqliteDatabase) -> None:
        reader = begin(database, readonly=True)
        both = select(numbers(300_000).scalar_subquery(), size.scalar_subquery())
        running = asyncio.create_task(reader.execute(both))
        await asyncio.sleep(0)
        assert database.thread_calls == 1
        writer = begin(database)
        await writer.execute(things.insert(), {"id": 1})
        await writer.commit()
        assert (await running).one() == (300_000, 0)
        assert (await reader.execute(size)).scalar_one() == 0
        await reader.rollback()

    on(path, body)


@pytest.mark.parametrize(
    ("statement", "rows", "moved"),
    [
        (size, None, 0),
        (size.union(size), None, 0),
        (things.insert().values(n=1), None, 0),
        (things.insert(), {"n": 1}, 0),
        (things.insert(), [{"n": 1}] * MAX_INLINE_ROWS, 0),
        (things.insert(), [{"n": 1}] * (MAX_INLINE_ROWS + 1), 1),
        (insert(things).from_select(["n"], select(things.c.n)), None, 1),
        (things.update().values(n=2), None, 1),
        (things.delete(), None, 1),
        (text("SELECT 1"), None, 1),
    ],
)
def test_a_writer_moves_what_may_take_long_and_keeps_what_cannot(
    path: Path, statement: Any, rows: Any, moved: int
) -> None:
    """An interrupted write would undo its whole transaction, so writes are never merely tried."""

    async def body(database: SqliteDatabase) -> None:
        tx = begin(database)
        await tx.execute(statement, rows)
        assert database.thread_calls == moved
        await tx.rollback()

    on(path, body)


def test_only_a_commit_of_changes_costs_a_hop(path: Path) -> None:
    async def body(database: SqliteDatabase) -> None:
        for statement, hops in ((size, 0), (things.insert(), 1), (size, 1)):
            tx = begin(database)
            await tx.execute(statement)
            await tx.commit()
            assert database.thread_calls == hops

    on(path, body)


def test_connections_are_as_durable_and_as_strict_as_promised(path: Path) -> None:
    async def body(database: SqliteDatabase) -> None:
        for readonly in (True, False):
            tx = begin(database, readonly=readonly)
            found = []
            for pragma in ("journal_mode", "synchronous", "foreign_keys"):
                found.append((await tx.execute(text(f"PRAGMA {pragma}"))).scalar_one())
            assert found == ["wal", 2, 1]
            await tx.rollback()
        tx = begin(database)
        with pytest.raises(IntegrityError):
            await tx.execute(parts.insert(), {"thing": 7})
        await tx.rollback()

    on(path, body)


def test_readers_are_bounded_and_the_next_waits_for_the_first_that_ends(path: Path) -> None:
    async def body(database: SqliteDatabase) -> None:
        readers = [begin(database, readonly=True) for _ in range(MAX_READERS)]
        for reader in readers:
            await reader.execute(size)
        late = begin(database, readonly=True, seconds=0.05)
        with pytest.raises(Unavailable, match="reading"):
            await late.execute(size)
        patient = asyncio.create_task(begin(database, readonly=True).execute(size))
        await asyncio.sleep(0)
        assert not patient.done()
        await readers[0].rollback()
        assert (await patient).scalar_one() == 0
        for reader in readers[1:]:
            await reader.rollback()

    async def run() -> None:
        await body(SqliteDatabase(path))

    asyncio.run(run())


def test_a_full_disk_says_so_and_nothing_more_of_that_transaction_is_written(path: Path) -> None:
    """SQLite undoes a transaction that met a full disk: what follows must not commit by itself."""

    async def body(database: SqliteDatabase) -> None:
        tx = begin(database)
        await tx.execute(text("PRAGMA max_page_count = 10"))
        await tx.execute(things.insert(), {"n": 1})
        with pytest.raises(StateError, match="free disk space"):
            await tx.execute(things.insert(), [{"n": n} for n in range(50_000)])
        with pytest.raises(TransactionError, match="rolled the transaction back"):
            await tx.execute(things.insert(), {"n": 2})
        with pytest.raises(TransactionError, match="rolled the transaction back"):
            await tx.commit()
        await tx.rollback()
        reader = begin(database, readonly=True)
        assert (await reader.execute(size)).scalar_one() == 0
        await reader.rollback()

    on(path, body)


def test_a_file_that_cannot_be_used_says_the_fix_and_is_used_once_it_is_mended(
    path: Path, tmp_path: Path
) -> None:
    good = path.read_bytes()

    def no_folder(target: Path) -> Path:
        return tmp_path / "missing" / "x.db"

    def junk(target: Path) -> Path:
        target.write_bytes(b"no database" * 1000)
        return target

    def damaged(target: Path) -> Path:
        target.write_bytes(good[:200] + b"\xff" * (len(good) - 200))
        return target

    def mend(target: Path) -> None:
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(good)

    async def refused(target: Path, word: str) -> None:
        database = SqliteDatabase(target)
        for readonly in (True, False):
            tx = begin(database, readonly=readonly)
            with pytest.raises(StateError, match=word) as caught:
                await tx.execute(size)
            assert str(target) in str(caught.value)
            await tx.rollback()
        mend(target)
        tx = begin(database)
        assert (await tx.execute(size)).scalar_one() == 0
        await tx.rollback()
        await database.close()

    asyncio.run(refused(no_folder(path), "create its folder"))
    asyncio.run(refused(junk(path), "not an SQLite database"))
    asyncio.run(refused(damaged(path), "restore it from a backup"))


def test_a_database_that_each_connection_would_have_alone_is_refused() -> None:
    async def run() -> None:
        database = SqliteDatabase(Path(":memory:"))
        with pytest.raises(StateError, match="on a local disk"):
            await begin(database).execute(size)
        await database.close()

    asyncio.run(run())


def test_a_reader_waits_for_a_process_that_has_the_whole_file(path: Path) -> None:
    async def body(database: SqliteDatabase) -> None:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        impatient = begin(database, readonly=True, seconds=0.05)
        with pytest.raises(Unavailable, match="locked by another process"):
            await impatient.execute(size)
        waiting = asyncio.create_task(begin(database, readonly=True).execute(size))
        await asyncio.sleep(0)
        assert not waiting.done()
        holder.close()
        assert (await waiting).scalar_one() == 0

    async def run() -> None:
        await body(SqliteDatabase(path))

    asyncio.run(run())


def test_a_statement_given_up_ends_before_the_next_and_the_loop_stays_free(path: Path) -> None:
    async def body(database: SqliteDatabase) -> None:
        tx = begin(database)
        await tx.execute(things.insert(), {"id": 1, "n": 0})
        change = things.update().values(n=numbers(300_000).scalar_subquery())
        given_up = asyncio.create_task(tx.execute(change))
        await asyncio.sleep(0)
        given_up.cancel()
        reading = asyncio.create_task(tx.execute(select(things.c.n)))
        turns = 0
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        assert reading.result().scalar_one() == 300_000
        assert turns > 10
        await tx.rollback()

    on(path, body)


SELLER = """
import asyncio, sys
from pathlib import Path
from sqlalchemy import text
from neurova.database.sqlite.database import SqliteDatabase

async def sell(database, loop):
    tx = database.transaction(readonly=False, deadline=loop.time() + 60)
    try:
        if (await tx.execute(text("SELECT count(*) FROM things"))).scalar_one() >= 20:
            return 0
        await tx.execute(text("INSERT INTO things (n) VALUES (1)"))
        await tx.commit()
        return 1
    finally:
        await tx.rollback()

async def main():
    loop = asyncio.get_running_loop()
    database = SqliteDatabase(Path(sys.argv[1]))
    sys.stdin.readline()
    sold = await asyncio.gather(*(sell(database, loop) for _ in range(50)))
    await database.close()
    print(sum(sold))

asyncio.run(main())
"""

HOLDER = """
import asyncio, sys
from pathlib import Path
from sqlalchemy import text
from neurova.database.sqlite.database import SqliteDatabase

async def main():
    loop = asyncio.get_running_loop()
    tx = SqliteDatabase(Path(sys.argv[1])).transaction(readonly=False, deadline=loop.time() + 60)
    await tx.execute(text("INSERT INTO things (n) VALUES (1)"))
    print("held", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def start(script: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.server
def test_four_processes_that_sell_twenty_at_once_sell_exactly_twenty(path: Path) -> None:
    sellers = [start(SELLER, path) for _ in range(4)]
    for seller in sellers:
        assert seller.stdin is not None
        seller.stdin.write("go\n")
        seller.stdin.flush()
    sold = [int(seller.communicate(timeout=120)[0]) for seller in sellers]
    assert sum(sold) == 20
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM things").fetchone() == (20,)
    connection.close()


@pytest.mark.server
def test_a_process_killed_within_its_transaction_leaves_nothing_and_lets_others_write(
    path: Path,
) -> None:
    holder = start(HOLDER, path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    async def body(database: SqliteDatabase) -> None:
        tx = begin(database, seconds=0.05)
        with pytest.raises(Unavailable, match="locked by another process"):
            await tx.execute(size)
        await tx.rollback()
        patient = begin(database)
        waiting = asyncio.create_task(patient.execute(size))
        await asyncio.sleep(0)
        os.kill(holder.pid, 9)
        assert (await waiting).scalar_one() == 0
        await patient.rollback()

    on(path, body)
    holder.communicate()

"""What SQLite guarantees beyond the database contract."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
from collections.abc import AsyncIterator
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
from tests.runtime.database.processes import run_python

from neurova.database.base import MAX_INLINE_ROWS, KeyLocked, TransactionError
from neurova.database.sqlite.connection import SqliteConnection, create_sqlite_engine
from neurova.database.sqlite.database import SqliteDatabase
from neurova.database.sqlite.transaction import MAX_READERS, SqliteTransaction
from neurova.errors import StateError, Unavailable

KEY = bytes(range(32))
metadata = MetaData()
things = Table("things", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))
parts = Table("parts", metadata, Column("thing", ForeignKey("things.id"), primary_key=True))
size = select(func.count()).select_from(things)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    metadata.create_all(create_engine(f"sqlite:///{tmp_path / 'x.db'}"))
    return tmp_path / "x.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path)
    yield database
    await database.close()


def in_seconds(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def begin(
    database: SqliteDatabase, *, readonly: bool = False, seconds: float = 20
) -> SqliteTransaction:
    return database.transaction(readonly=readonly, deadline=in_seconds(seconds))


def numbers(upto: int) -> Any:
    """Return a SELECT that takes about ten SQLite instructions for each number up to `upto`."""
    cte = select(literal(1).label("n")).cte(recursive=True)
    cte = cte.union_all(select(cte.c.n + 1).where(cte.c.n < upto))
    return select(func.count()).select_from(cte)


async def test_short_select_stays_on_the_loop_thread(database: SqliteDatabase) -> None:
    """SQLite's instruction counter is not reset between runs of a cached statement."""
    tx = begin(database, readonly=True)
    for _ in range(3000):
        await tx.execute(size)
    await tx.rollback()
    assert database.thread_calls == 0


@pytest.mark.parametrize("readonly", [True, False])
async def test_long_select_does_not_block_the_loop(
    database: SqliteDatabase, readonly: bool
) -> None:
    tx = begin(database, readonly=readonly)
    running = asyncio.create_task(tx.execute(numbers(300_000)))
    await asyncio.sleep(0)
    assert database.thread_calls == 1
    assert not running.done()
    assert (await running).scalar_one() == 300_000
    await tx.rollback()


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
async def test_only_possibly_long_statements_run_on_a_thread(
    database: SqliteDatabase, statement: Any, rows: Any, moved: int
) -> None:
    """Interrupting a write would roll back its whole transaction, so writes never start inline."""
    tx = begin(database)
    await tx.execute(statement, rows)
    assert database.thread_calls == moved
    await tx.rollback()


async def test_connections_are_durable_and_check_foreign_keys(database: SqliteDatabase) -> None:
    for readonly in (True, False):
        tx = begin(database, readonly=readonly)
        values = []
        for pragma in ("journal_mode", "synchronous", "foreign_keys"):
            values.append((await tx.execute(text(f"PRAGMA {pragma}"))).scalar_one())
        assert values == ["wal", 2, 1]
        await tx.rollback()
    tx = begin(database)
    with pytest.raises(IntegrityError):
        await tx.execute(parts.insert(), {"thing": 7})
    await tx.rollback()


async def test_number_of_readers_is_limited(database: SqliteDatabase) -> None:
    readers = [begin(database, readonly=True) for _ in range(MAX_READERS)]
    for reader in readers:
        await reader.execute(size)
    late = begin(database, readonly=True, seconds=0.05)
    with pytest.raises(Unavailable, match="reading"):
        await late.execute(size)
    patient = begin(database, readonly=True)
    waiting = asyncio.create_task(patient.execute(size))
    await asyncio.sleep(0)
    assert not waiting.done()
    await readers[0].rollback()
    assert (await waiting).scalar_one() == 0
    for reader in (patient, *readers[1:]):
        await reader.rollback()


async def test_full_disk_ends_the_transaction(database: SqliteDatabase) -> None:
    """On a full disk SQLite rolls back by itself; later statements must not commit alone."""
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


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no folder", "create its folder"),
        ("not a database", "not an SQLite database"),
        ("damaged", "restore it from a backup"),
    ],
)
async def test_unusable_file_is_reported_and_used_once_fixed(
    path: Path, fault: str, message: str
) -> None:
    good = path.read_bytes()
    if fault == "no folder":
        path = path.parent / "missing" / "x.db"
    elif fault == "damaged":
        path.write_bytes(good[:200] + b"\xff" * (len(good) - 200))
    else:
        path.write_bytes(b"no database" * 1000)
    database = SqliteDatabase(path)
    for readonly in (True, False):
        tx = begin(database, readonly=readonly)
        with pytest.raises(StateError, match=message) as caught:
            await tx.execute(size)
        assert caught.value.where == str(path)
        await tx.rollback()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(good)
    tx = begin(database)
    assert (await tx.execute(size)).scalar_one() == 0
    await tx.rollback()
    await database.close()


async def test_database_in_memory_is_refused() -> None:
    database = SqliteDatabase(Path(":memory:"))
    with pytest.raises(StateError, match="on a local disk"):
        await begin(database).execute(size)
    await database.close()


async def test_reader_waits_for_an_exclusive_lock(path: Path, database: SqliteDatabase) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    impatient = begin(database, readonly=True, seconds=0.05)
    with pytest.raises(Unavailable, match="another process locked the file"):
        await impatient.execute(size)
    patient = begin(database, readonly=True)
    waiting = asyncio.create_task(patient.execute(size))
    await asyncio.sleep(0)
    assert not waiting.done()
    holder.close()
    assert (await waiting).scalar_one() == 0
    await patient.rollback()


HOLD_TRANSACTION = """
    import asyncio, sys
    from pathlib import Path
    from sqlalchemy import text
    from neurova.database.sqlite.database import SqliteDatabase

    async def main():
        loop = asyncio.get_running_loop()
        database = SqliteDatabase(Path(sys.argv[1]))
        tx = database.transaction(readonly=False, deadline=loop.time() + 60)
        await tx.execute(text("INSERT INTO things (n) VALUES (1)"))
        print("begun", flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
"""


@pytest.mark.server
async def test_killed_process_leaves_no_changes_and_no_lock(
    path: Path, database: SqliteDatabase
) -> None:
    process = run_python(HOLD_TRANSACTION, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    tx = begin(database, seconds=0.05)
    with pytest.raises(Unavailable, match="another process locked the file"):
        await tx.execute(size)
    await tx.rollback()
    tx = begin(database)
    waiting = asyncio.create_task(tx.execute(size))
    await asyncio.sleep(0)
    process.kill()
    assert (await waiting).scalar_one() == 0
    await tx.rollback()
    process.communicate()


async def test_databases_of_one_file_share_its_locks(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    first, second = SqliteDatabase(path), SqliteDatabase(link)
    lock = await first.lock_key(KEY, in_seconds(20))
    with pytest.raises(KeyLocked):
        await second.lock_key(KEY, in_seconds(0.05))
    await lock.release()
    await first.close()
    await second.close()


async def test_close_releases_the_lock_file_after_its_last_user(path: Path) -> None:
    def count_open_files() -> int:
        gc.collect()
        files = (os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd"))
        return sum(name == f"{path}.lock" for name in files)

    first, second = SqliteDatabase(path), SqliteDatabase(path)
    for database in (first, second):
        await (await database.lock_key(KEY, in_seconds(20))).release()
    assert count_open_files() == 1
    await first.close()
    assert count_open_files() == 1
    await (await second.lock_key(KEY, in_seconds(20))).release()
    await second.close()
    assert count_open_files() == 0


def test_reader_has_its_snapshot_from_begin_on(
    tmp_path: Path,
) -> None:
    """A reader can therefore meet a lock only in `begin`, which retries."""
    path = tmp_path / "x.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    reader = SqliteConnection(create_sqlite_engine(path), path, readonly=True)
    reader.begin()
    other.execute("INSERT INTO t VALUES (1)")
    assert reader.run(text("SELECT count(*) FROM t"), None).scalar_one() == 0
    reader.rollback()
    reader.begin()
    assert reader.run(text("SELECT count(*) FROM t"), None).scalar_one() == 1
    reader.close()
    other.close()


def test_new_database_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with create_sqlite_engine(path).connect() as core:
        core.exec_driver_sql("PRAGMA journal_mode = WAL")
        core.exec_driver_sql("CREATE TABLE things (id INTEGER)")
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "new.db-wal" in modes

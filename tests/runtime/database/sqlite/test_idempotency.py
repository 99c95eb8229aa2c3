"""Locks of idempotency keys among processes that share an SQLite file."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sqlite3
from pathlib import Path

import pytest
from tests.runtime.database.processes import run_python

from neurova.database.base import KeyLocked
from neurova.database.sqlite.database import SqliteDatabase

KEY = bytes(range(32))
CALL_25_TIMES = """
    import asyncio, json, sys
    from pathlib import Path
    from sqlalchemy import text
    from neurova.database.base import StoredResponse
    from neurova.database.sqlite.database import SqliteDatabase

    async def call(database, number):
        deadline = asyncio.get_running_loop().time() + 60
        lock = await database.lock_key(bytes(range(32)), deadline)
        if lock.response is not None:
            await lock.release()
            return lock.response.body.decode()
        tx = lock.transaction(deadline)
        await tx.execute(text("INSERT INTO notes VALUES (1)"))
        await asyncio.sleep(0.01)
        response = StoredResponse(b"f", 200, b"", (), number.encode())
        await lock.store(tx, response)
        await tx.commit()
        await lock.release(response)
        return number

    async def main():
        database = SqliteDatabase(Path(sys.argv[1]))
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(await asyncio.gather(*(call(database, sys.argv[2]) for _ in range(25)))))
        await database.close()

    asyncio.run(main())
"""
HOLD_LOCK = """
    import asyncio, sys
    from pathlib import Path
    from sqlalchemy import text
    from neurova.database.sqlite.database import SqliteDatabase

    async def main():
        database = SqliteDatabase(Path(sys.argv[1]))
        deadline = asyncio.get_running_loop().time() + 60
        lock = await database.lock_key(bytes(range(32)), deadline)
        tx = lock.transaction(deadline)
        await tx.execute(text("INSERT INTO notes VALUES (1)"))
        print("locked", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())
"""


def deadline(seconds: float = 60) -> float:
    return asyncio.get_running_loop().time() + seconds


def count_notes(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM notes").fetchone()[0])
    finally:
        connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("CREATE TABLE notes (n)")
    connection.close()
    return tmp_path / "x.db"


@pytest.mark.server
def test_100_calls_in_four_processes_run_once(path: Path) -> None:
    processes = [run_python(CALL_25_TIMES, path, number) for number in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    bodies = [body for process in processes for body in json.loads(process.communicate()[0])]
    assert len(bodies) == 100
    assert len(set(bodies)) == 1
    assert count_notes(path) == 1


@pytest.mark.server
async def test_killed_process_releases_its_key(path: Path) -> None:
    process = run_python(HOLD_LOCK, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    database = SqliteDatabase(path)
    with pytest.raises(KeyLocked):
        await database.lock_key(KEY, deadline(0.1))
    process.kill()
    lock = await database.lock_key(KEY, deadline())
    assert lock.response is None
    await lock.release()
    await database.close()
    process.communicate()
    assert count_notes(path) == 0


async def test_databases_of_one_file_share_its_locks(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    first, second = SqliteDatabase(path), SqliteDatabase(link)
    lock = await first.lock_key(KEY, deadline())
    with pytest.raises(KeyLocked):
        await second.lock_key(KEY, deadline(0.05))
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
        await (await database.lock_key(KEY, deadline())).release()
    assert count_open_files() == 1
    await first.close()
    assert count_open_files() == 1
    await (await second.lock_key(KEY, deadline())).release()
    await second.close()
    assert count_open_files() == 0

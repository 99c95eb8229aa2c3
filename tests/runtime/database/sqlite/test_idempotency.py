"""Processes that share a file have one owner a key, and what they hold goes with them."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neurova.database.base import KeyLocked, StoredResponse
from neurova.database.sqlite.database import SqliteDatabase
from neurova.database.sqlite.idempotency import _FileLocks

KEY = bytes(range(32))
ANSWER = StoredResponse(b"f", 200, b"", (), b"42")
RUNNER = """
import asyncio, json, sys
from pathlib import Path
from sqlalchemy import text
from neurova.database.base import StoredResponse
from neurova.database.sqlite.database import SqliteDatabase

async def one(database, number):
    deadline = asyncio.get_running_loop().time() + 60
    key_lock = await database.lock_key(bytes(range(32)), deadline)
    if key_lock.response is not None:
        await key_lock.release()
        return key_lock.response.body.decode()
    tx = key_lock.transaction(deadline)
    await tx.execute(text("INSERT INTO notes VALUES (1)"))
    await asyncio.sleep(0.01)
    stored = StoredResponse(b"f", 200, b"", (), number.encode())
    await key_lock.store(tx, stored)
    await tx.commit()
    await key_lock.release(stored)
    return number

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(await asyncio.gather(*(one(database, sys.argv[2]) for _ in range(25)))))
    await database.close()

asyncio.run(main())
"""
HOLDER = """
import asyncio, sys
from pathlib import Path
from sqlalchemy import text
from neurova.database.sqlite.database import SqliteDatabase

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    deadline = asyncio.get_running_loop().time() + 60
    key_lock = await database.lock_key(bytes(range(32)), deadline)
    tx = key_lock.transaction(deadline)
    await tx.execute(text("INSERT INTO notes VALUES (1)"))
    print("held", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def soon(seconds: float = 60) -> float:
    return asyncio.get_running_loop().time() + seconds


def noted(path: Path) -> int:
    import sqlite3

    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM notes").fetchone()[0])
    finally:
        connection.close()


def prepared(folder: Path) -> Path:
    import sqlite3

    connection = sqlite3.connect(folder / "x.db")
    connection.execute("CREATE TABLE notes (n)")
    connection.close()
    return folder / "x.db"


def started(code: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.server
def test_of_100_in_four_processes_on_a_new_file_one_runs_and_all_have_its_answer(
    tmp_path: Path,
) -> None:
    path = prepared(tmp_path)
    processes = [started(RUNNER, path, number) for number in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [answer for process in processes for answer in json.loads(process.communicate()[0])]
    assert len(found) == 100
    assert len(set(found)) == 1
    assert noted(path) == 1


@pytest.mark.server
def test_a_process_killed_with_its_key_leaves_it_to_the_next_and_nothing_else(
    tmp_path: Path,
) -> None:
    path = prepared(tmp_path)
    process = started(HOLDER, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"

    async def run() -> None:
        database = SqliteDatabase(path)
        with pytest.raises(KeyLocked):
            await database.lock_key(KEY, soon(0.1))
        process.kill()
        key_lock = await database.lock_key(KEY, soon())
        assert key_lock.response is None
        await key_lock.release()
        await database.close()

    asyncio.run(run())
    process.communicate()
    assert noted(path) == 0


def test_databases_of_one_file_in_a_process_share_its_keys(tmp_path: Path) -> None:
    path = prepared(tmp_path)
    (tmp_path / "link.db").symlink_to(path)
    keys = _FileLocks.of(path)
    assert _FileLocks.of(tmp_path / "link.db") is keys
    assert _FileLocks.of(tmp_path / "other.db") is not keys


def test_closing_lets_go_of_the_lock_file_unless_another_uses_it(tmp_path: Path) -> None:
    path = prepared(tmp_path)

    def opened() -> int:
        gc.collect()
        found = (os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd"))
        return sum(name == f"{path}.lock" for name in found)

    async def run() -> None:
        first, second = SqliteDatabase(path), SqliteDatabase(path)
        for database in (first, second):
            await (await database.lock_key(KEY, soon())).release()
        assert opened() == 1
        await first.close()
        assert opened() == 1
        await (await second.lock_key(KEY, soon())).release()
        await second.close()

    asyncio.run(run())
    assert opened() == 0

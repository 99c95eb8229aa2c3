"""PostgreSQL stores a response once, even if a lock, connection or commit is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from sqlalchemy import text
from tests.runtime.database.things import begin, names, open_over_wire, open_postgres, renamed
from tests.runtime.keyed_function import WRITE, KeyedFunction, is_replayed
from tests.runtime.project import Project, until
from tests.servers.postgres import PostgresServer
from tests.servers.wire import Wire

from neurova.database.base import StoredResponse
from neurova.database.migrations import upgrade_platform
from neurova.database.postgres import locks
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable

pytestmark = pytest.mark.server

KEY = bytes(range(32))
RESPONSE = StoredResponse(b"f", 201, b"", (), b"first")
OTHER = StoredResponse(b"f", 201, b"", (), b"second")

TERMINATE_FINDER = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%expires > $2'"
)


def deadline(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


@pytest.fixture
def tables_url(url: str) -> str:
    """Return the URL of a database with `things` and the platform's tables."""
    upgrade_platform(PostgresUrl(url))
    return url


@asynccontextmanager
async def open_two(url: str) -> AsyncIterator[tuple[PostgresDatabase, PostgresDatabase]]:
    async with open_postgres(url, name="victim") as first, open_postgres(url) as second:
        yield first, second


async def test_missing_table_is_reported_with_the_fix(url: str) -> None:
    async with open_postgres(url) as database:
        for _ in range(2):
            with pytest.raises(StateError, match="neurova db upgrade"):
                await database.lock_key(KEY, deadline())
        assert await database.delete_expired() == 0


async def test_key_locks_take_no_connection_from_transactions(tables_url: str) -> None:
    async with open_postgres(tables_url, 2) as database:
        keys = [bytes([n]) * 32 for n in range(20)]
        held = [await database.lock_key(key, deadline()) for key in keys]
        other = PostgresDatabase(PostgresUrl(tables_url), connections=2)
        waiting = [
            asyncio.create_task(other.lock_key(bytes([n]) * 32, deadline())) for n in range(20)
        ]
        for _ in range(3):
            assert await names(other) == await names(database) == ["a", "b"]
        assert not any(task.done() for task in waiting)
        for lock in held:
            await lock.release()
        for task in waiting:
            await (await task).release()
        await other.close()


async def test_snapshot_is_taken_after_the_lock(tables_url: str) -> None:
    """A snapshot that is older than the lock would conflict."""
    async with open_two(tables_url) as (first, second):
        lock = await first.lock_key(KEY, deadline())
        waiting = asyncio.create_task(second.lock_key(KEY, deadline()))
        tx = lock.transaction(deadline())
        await tx.execute(renamed(1, "first"))
        await tx.commit()
        await lock.release()
        later = await waiting
        tx = later.transaction(deadline())
        await tx.execute(renamed(1, "second"))  # an older snapshot would conflict
        await tx.commit()
        await later.release()


@pytest.fixture
async def keyed_on_postgres(project: Project, tables_url: str) -> AsyncIterator[KeyedFunction]:
    keyed = KeyedFunction(project, PostgresUrl(tables_url))
    await keyed.create_tables()
    yield keyed
    await keyed.close()


async def test_call_that_lost_its_lock_replays_the_other_reply(
    keyed_on_postgres: KeyedFunction, tables_url: str, postgres: PostgresServer
) -> None:
    keyed, project = keyed_on_postgres, keyed_on_postgres.project
    keyed.define(WRITE + "if len(runs) == 1:\n    await proceed.wait()\nreturn len(runs)")
    first = asyncio.ensure_future(keyed.reply())
    await until(lambda: keyed.runs == 1)
    await asyncio.to_thread(postgres.run, TERMINATE_FINDER, tables_url)
    project.database = PostgresDatabase(PostgresUrl(tables_url))
    second = await keyed.reply()
    await project.database.close()
    project.database = keyed.database
    assert (second.status, second.body, is_replayed(second)) == (201, b"2", False)
    keyed.module.proceed.set()
    reply = await first
    assert (reply.status, reply.body, is_replayed(reply)) == (201, b"2", True)
    assert await keyed.notes() == [1]


async def test_lost_reply_of_a_commit_is_replayed_by_the_next_call(
    project: Project, tables_url: str
) -> None:
    async with Wire(tables_url) as wire:
        keyed = KeyedFunction(project, PostgresUrl(wire.url))
        keyed.define(WRITE + "return len(runs)")
        await keyed.create_tables()
        wire.lost = {query for query in wire.queries if query.startswith("COMMIT")}
        assert wire.lost
        assert (await keyed.reply()).status == 503
        wire.lost = set()
        reply = await keyed.reply()
        assert (reply.status, reply.body, is_replayed(reply)) == (201, b"1", True)
        assert await keyed.notes() == [1]
        await keyed.close()


async def test_function_runs_again_after_a_failed_statement_and_its_reject_is_stored(
    keyed_on_postgres: KeyedFunction,
) -> None:
    """PostgreSQL aborts a transaction after a failed statement, but a call must continue."""
    keyed = keyed_on_postgres
    keyed.define(
        WRITE
        + """\
from sqlalchemy.exc import DBAPIError
try:
    await tx.execute(text('SELECT 1 / 0'))
except DBAPIError:
    pass
raise Reject(409, f'no {len(runs)}')
"""
    )
    first, second = await keyed.reply(), await keyed.reply()
    assert (first.status, second.status) == (409, 409)
    assert second.body == first.body
    assert is_replayed(second)
    assert (keyed.runs, await keyed.notes()) == (2, [])


async def test_deletion_spares_a_replaced_response(
    tables_url: str,
) -> None:
    async with open_two(tables_url) as (first, second):
        lock = await first.lock_key(KEY, deadline())
        tx = lock.transaction(deadline())
        await lock.store(tx, RESPONSE)
        await tx.commit()
        await lock.release()
        old = begin(first)
        await old.execute(text("UPDATE nv_idempotency SET expires = 1"))
        await old.commit()
        lock = await first.lock_key(KEY, deadline())
        assert lock.response is None
        tx = lock.transaction(deadline())
        await lock.store(tx, OTHER)
        sweeping = asyncio.create_task(second.delete_expired())
        await asyncio.sleep(0)
        await tx.commit()
        await lock.release()
        assert await sweeping == 0
        found = await second.lock_key(KEY, deadline())
        assert found.response == OTHER
        await found.release()


async def test_silent_server_is_unavailable_and_used_again(
    tables_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locks use a separate connection."""
    async with open_over_wire(tables_url) as (database, wire):
        await (await database.lock_key(KEY, deadline())).release()
        monkeypatch.setattr(locks, "STATEMENT_TIMEOUT", 0.2)
        wire.hold()
        for _ in range(2):
            with pytest.raises(Unavailable):
                await database.lock_key(KEY, deadline(0.1))
        wire.release()
        monkeypatch.undo()
        lock = None
        async with asyncio.timeout(20):
            while lock is None:
                with suppress(Unavailable):
                    lock = await database.lock_key(KEY, deadline())
                await asyncio.sleep(0)
        await lock.release()

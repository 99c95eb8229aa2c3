"""Answers on PostgreSQL are kept once, whatever becomes of locks, connections and commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import text
from tests.runtime.database.things import begin, names, renamed, run, total
from tests.runtime.keyed_function import WRITE, KeyedFunction, is_replayed
from tests.runtime.project import Project, until
from tests.servers.postgres import PostgresServer
from tests.servers.wire import Wire

from neurova.database.base import AlreadyStored, StoredResponse
from neurova.database.migrations import upgrade_platform
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError

pytestmark = pytest.mark.server

KEY = bytes(range(32))
ANSWER = StoredResponse(b"f", 201, b"", (), b"first")
OTHER = StoredResponse(b"f", 201, b"", (), b"second")
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'robbed'"

END_FINDER = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%expires > $2'"
)


def soon(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


@pytest.fixture
def kept(url: str) -> str:
    """Return the URL of a database with things and the platform's tables."""
    upgrade_platform(PostgresUrl(url))
    return url


def both(url: str, test: Callable[[PostgresDatabase, PostgresDatabase], Awaitable[None]]) -> None:
    async def opened() -> None:
        first = PostgresDatabase(PostgresUrl(url), name="robbed")
        second = PostgresDatabase(PostgresUrl(url))
        try:
            await test(first, second)
        finally:
            await first.close()
            await second.close()

    asyncio.run(opened())


def test_without_the_platforms_table_the_fix_is_said(url: str) -> None:
    async def test(database: PostgresDatabase) -> None:
        for _ in range(2):
            with pytest.raises(StateError, match="neurova db upgrade"):
                await database.lock_key(KEY, soon())
        assert await database.delete_expired() == 0

    run(url, test)


def test_whoever_has_or_waits_for_a_key_takes_no_connection_from_transactions(kept: str) -> None:
    async def test(database: PostgresDatabase) -> None:
        held = [await database.lock_key(bytes([n]) * 32, soon()) for n in range(20)]
        other = PostgresDatabase(PostgresUrl(kept), connections=2)
        waiting = [asyncio.create_task(other.lock_key(bytes([n]) * 32, soon())) for n in range(20)]
        for _ in range(3):
            assert await names(other) == await names(database) == ["a", "b"]
        assert not any(task.done() for task in waiting)
        for key_lock in held:
            await key_lock.release()
        for task in waiting:
            await (await task).release()
        await other.close()

    run(kept, test, connections=2)


def test_a_transaction_under_a_key_sees_what_the_one_before_has_committed(kept: str) -> None:
    """Its snapshot is taken after the lock, not while it waits for it."""

    async def test(first: PostgresDatabase, second: PostgresDatabase) -> None:
        key_lock = await first.lock_key(KEY, soon())
        waiting = asyncio.create_task(second.lock_key(KEY, soon()))
        tx = key_lock.transaction(soon())
        await tx.execute(renamed(1, "first"))
        await tx.commit()
        await key_lock.release()
        later = await waiting
        tx = later.transaction(soon())
        await tx.execute(renamed(1, "second"))  # an older snapshot would clash
        await tx.commit()
        await later.release()

    both(kept, test)


def test_a_claim_whose_session_was_ended_keeps_nothing_beside_another(
    kept: str, postgres: PostgresServer
) -> None:
    """The lock is lost unnoticed, two calls run at once: what one has written lasts, alone."""

    async def test(first: PostgresDatabase, second: PostgresDatabase) -> None:
        robbed = await first.lock_key(KEY, soon())
        await asyncio.to_thread(postgres.run, END, kept)
        tx = robbed.transaction(soon())
        await tx.execute(total)  # its snapshot is older than the other's answer
        await tx.execute(renamed(1, "first"))
        key_lock = await second.lock_key(KEY, soon())
        assert key_lock.response is None
        other = key_lock.transaction(soon())
        await other.execute(renamed(2, "second"))
        await key_lock.store(other, OTHER)
        await other.commit()
        await key_lock.release(OTHER)
        with pytest.raises(Exception, match="conflicted"):
            await robbed.store(tx, ANSWER)
        await tx.rollback()
        assert tx.conflict is not None
        again = await tx.conflict.retry()
        await again.execute(renamed(1, "first"))
        with pytest.raises(AlreadyStored):
            await robbed.store(again, ANSWER)
        await again.rollback()
        assert await robbed.find(soon()) == OTHER
        await robbed.release()
        assert await names(second) == ["a", "second"]

    both(kept, test)


@pytest.fixture
async def keyed_on_postgres(project: Project, kept: str) -> AsyncIterator[KeyedFunction]:
    keyed = KeyedFunction(project, PostgresUrl(kept))
    await keyed.create_tables()
    yield keyed
    await keyed.close()


async def test_call_that_lost_its_lock_replays_the_other_reply(
    keyed_on_postgres: KeyedFunction, kept: str, postgres: PostgresServer
) -> None:
    keyed, project = keyed_on_postgres, keyed_on_postgres.project
    keyed.define(WRITE + "if len(runs) == 1:\n    await proceed.wait()\nreturn len(runs)")
    first = asyncio.ensure_future(keyed.reply())
    await until(lambda: keyed.runs == 1)
    await asyncio.to_thread(postgres.run, END_FINDER, kept)
    project.database = PostgresDatabase(PostgresUrl(kept))
    second = await keyed.reply()
    await project.database.close()
    project.database = keyed.database
    assert (second.status, second.body, is_replayed(second)) == (201, b"2", False)
    keyed.module.proceed.set()
    reply = await first
    assert (reply.status, reply.body, is_replayed(reply)) == (201, b"2", True)
    assert await keyed.notes() == [1]


async def test_lost_reply_of_a_commit_is_replayed_by_the_next_call(
    project: Project, kept: str
) -> None:
    async with Wire(kept) as wire:
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
    """PostgreSQL ends a transaction with a statement that fails; here as on SQLite it goes on."""
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


def test_a_sweep_and_a_call_that_takes_an_old_answers_place_do_not_harm_each_other(
    kept: str,
) -> None:
    async def test(first: PostgresDatabase, second: PostgresDatabase) -> None:
        key_lock = await first.lock_key(KEY, soon())
        tx = key_lock.transaction(soon())
        await key_lock.store(tx, ANSWER)
        await tx.commit()
        await key_lock.release()
        old = begin(first)
        await old.execute(text("UPDATE nv_idempotency SET expires = 1"))
        await old.commit()
        key_lock = await first.lock_key(KEY, soon())
        assert key_lock.response is None
        tx = key_lock.transaction(soon())
        await key_lock.store(tx, OTHER)
        sweeping = asyncio.create_task(second.delete_expired())
        await asyncio.sleep(0)
        await tx.commit()
        await key_lock.release()
        assert await sweeping == 0
        found = await second.lock_key(KEY, soon())
        assert found.response == OTHER
        await found.release()

    both(kept, test)

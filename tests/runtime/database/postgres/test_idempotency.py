"""Answers on PostgreSQL are kept once, whatever becomes of locks, connections and commits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from tests.runtime.database.things import begin, names, renamed, run, total
from tests.runtime.shop import WRITE, Shop, replayed, until
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
def pg_shop(house: Any, kept: str) -> Shop:
    return Shop(house, PostgresUrl(kept))


def test_a_call_that_ran_beside_another_gives_the_others_answer(
    pg_shop: Shop, kept: str, postgres: PostgresServer
) -> None:
    shop = pg_shop
    shop.serve(WRITE + "if len(ran) == 1:\n    await go.wait()\nreturn len(ran)\n")

    async def test() -> None:
        first = asyncio.ensure_future(shop.ask())
        await until(lambda: shop.ran == 1)
        await asyncio.to_thread(postgres.run, END_FINDER, kept)
        mine, shop.house.ledger = shop.database, PostgresDatabase(PostgresUrl(kept))
        second = await shop.ask()
        await shop.house.ledger.close()
        shop.house.ledger = mine
        assert (second.status, second.body, replayed(second)) == (201, b"2", False)
        shop.state["go"].set()
        reply = await first
        assert (reply.status, reply.body, replayed(reply)) == (201, b"2", True)
        assert await shop.notes() == [1]

    shop.run(test)


def test_a_commit_whose_answer_is_lost_is_found_out_by_the_next_call(house: Any, kept: str) -> None:
    async def whole() -> None:
        async with Wire(kept) as wire:
            shop = Shop(house, PostgresUrl(wire.url))
            shop.serve(WRITE + "return len(ran)\n")
            await shop.write("CREATE TABLE notes (n INTEGER)")
            wire.lost = {query for query in wire.queries if query.startswith("COMMIT")}
            assert wire.lost
            assert (await shop.ask()).status == 503
            wire.lost = set()
            reply = await shop.ask()
            assert (reply.status, reply.body, replayed(reply)) == (201, b"1", True)
            assert await shop.notes() == [1]
            await shop.database.close()

    asyncio.run(whole())


def test_the_function_runs_again_after_a_failed_statement_and_its_refusal_is_kept(
    pg_shop: Shop,
) -> None:
    """PostgreSQL ends a transaction with a statement that fails; here as on SQLite it goes on."""
    shop = pg_shop
    shop.serve(
        WRITE + "from sqlalchemy.exc import DBAPIError\ntry:\n"
        "    await tx.execute(text('SELECT 1 / 0'))\nexcept DBAPIError:\n    pass\n"
        "raise Reject(409, f'no {len(ran)}')\n"
    )

    async def test() -> None:
        first, second = await shop.ask(), await shop.ask()
        assert (first.status, second.status) == (409, 409)
        assert second.body == first.body
        assert replayed(second)
        assert (shop.ran, await shop.notes()) == (2, [])

    shop.run(test)


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

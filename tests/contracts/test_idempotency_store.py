"""What every backend promises of keys that calls key_lock, and of the answers kept under them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from tests.contracts.databases import Open, begin, count, sale, write

from neurova.database.base import (
    AlreadyStored,
    Conflict,
    Database,
    KeyLock,
    KeyLocked,
    StoredResponse,
)
from neurova.database.migrations import upgrade_platform

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
ANSWER = StoredResponse(
    b"\xff" * 32, 201, b"application/json", ((b"location", b"/a\xe9"),), b'{"a": 1}\x00\xff'
)
REFUSAL = StoredResponse(b"\x00" * 32, 409, b"application/problem+json", (), b"{}")


def deadline(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


async def claimed(database: Database, key: bytes = KEY, seconds: float = 20) -> KeyLock:
    return await database.lock_key(key, deadline(seconds))


async def answer(
    database: Database, stored: StoredResponse = ANSWER, key: bytes = KEY
) -> StoredResponse:
    """Do as the platform does with one call: write, and keep the answer; or return what is kept."""
    key_lock = await claimed(database, key)
    if key_lock.response is not None:
        await key_lock.release()
        return key_lock.response
    tx = key_lock.transaction(deadline())
    try:
        await tx.execute(sale(1))
        await key_lock.store(tx, stored)
        await tx.commit()
    finally:
        await tx.rollback()
        await key_lock.release(stored)
    return stored


def run(opened: Open, test: Callable[[Database, Database], Awaitable[None]]) -> None:
    """Run a test with two databases on one store, as two processes have them."""

    async def both() -> None:
        first, second = opened(), opened()
        place: Any = getattr(first, "url", None) or first.path  # type: ignore[attr-defined]
        await asyncio.to_thread(upgrade_platform, place)
        try:
            await test(first, second)
        finally:
            await first.close()
            await second.close()

    asyncio.run(both())


def test_an_answer_is_kept_with_what_was_written_and_found_again_to_the_octet(
    opened: Open,
) -> None:
    async def test(first: Database, second: Database) -> None:
        assert await answer(first) == ANSWER
        assert await answer(second, REFUSAL) == ANSWER
        assert await answer(first, REFUSAL) == ANSWER
        assert await count(second) == 1

    run(opened, test)


def test_of_100_who_claim_one_key_at_once_one_writes_and_all_have_its_answer(
    opened: Open,
) -> None:
    async def test(first: Database, second: Database) -> None:
        found = await asyncio.gather(*(answer((first, second)[n % 2]) for n in range(100)))
        assert found == [ANSWER] * 100
        assert await count(first) == 1

    run(opened, test)


def test_what_is_rolled_back_is_not_kept_and_the_next_in_line_has_the_key(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        key_lock = await claimed(first)
        tx = key_lock.transaction(deadline())
        await tx.execute(sale(1))
        await key_lock.store(tx, ANSWER)
        waiting = [asyncio.create_task(claimed(first)) for _ in range(2)]
        await asyncio.sleep(0)
        await tx.rollback()
        await key_lock.release()
        following = await waiting[0]
        assert following.response is None
        assert not waiting[1].done()
        await following.release()
        last = await waiting[1]
        assert last.response is None
        await last.release()
        assert await count(first) == 0

    run(opened, test)


def test_back_undoes_what_was_written_and_the_answer_written_then_is_kept(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        key_lock = await claimed(first)
        tx = key_lock.transaction(deadline())
        await tx.execute(sale(1))
        await tx.execute(text("UPDATE sales SET buyer = 'bob'"))
        await tx.rollback_to_savepoint()
        await key_lock.store(tx, REFUSAL)
        await tx.commit()
        await key_lock.release(REFUSAL)
        assert await count(second) == 0
        again = await claimed(second)
        assert again.response == REFUSAL
        await again.release()

    run(opened, test)


def test_back_and_an_answer_need_no_statement_before(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        key_lock = await claimed(first)
        tx = key_lock.transaction(deadline())
        await tx.rollback_to_savepoint()
        await key_lock.store(tx, ANSWER)
        await tx.commit()
        await key_lock.release(ANSWER)
        again = await claimed(second)
        assert again.response == ANSWER
        await again.release()

    run(opened, test)


def test_whoever_claims_a_key_that_is_held_waits_until_its_deadline_only(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        key_lock = await claimed(first)
        await (await claimed(second, OTHER)).release()  # connected
        for database in (first, second):
            with pytest.raises(KeyLocked):
                await claimed(database, seconds=0.2)
        await key_lock.release()
        for database in (second, first):
            await (await claimed(database)).release()

    run(opened, test)


def test_whoever_leaves_the_line_is_passed_over(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        key_lock = await claimed(first)
        waiting = [asyncio.create_task(claimed((first, second)[number % 2])) for number in range(6)]
        await asyncio.sleep(0)
        for task in waiting[:4]:
            task.cancel()
        await key_lock.release()
        ended = await asyncio.gather(*waiting[:4], return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended)
        for task in waiting[4:]:
            await (await task).release()

    run(opened, test)


def test_cancelled_in_the_moment_of_being_served_a_call_passes_the_key_on(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        key_lock = await claimed(first)
        waiting = [asyncio.create_task(claimed(first)) for _ in range(2)]
        await asyncio.sleep(0)
        await key_lock.release()
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        await (await waiting[1]).release()

    run(opened, test)


def test_calls_with_other_keys_do_not_wait(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        one, other = await claimed(first), await claimed(first, OTHER)
        away = await claimed(second, bytes(32))
        for key_lock in (one, other, away):
            await key_lock.release()

    run(opened, test)


def test_a_key_that_is_held_keeps_nobody_from_writing(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        key_lock = await claimed(first)
        tx = key_lock.transaction(deadline())
        await write(first, sale(1))
        await write(second, sale(2))
        await tx.rollback()
        await key_lock.release()
        assert await count(first) == 2

    run(opened, test)


def test_a_claim_makes_one_transaction_after_another(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        key_lock = await claimed(first)
        for number in range(3):
            tx = key_lock.transaction(deadline())
            await tx.execute(sale(number))
            await (tx.rollback() if number == 1 else tx.commit())
        await key_lock.release()
        assert await count(second) == 2

    run(opened, test)


def test_should_two_have_a_key_only_one_can_keep_an_answer_and_the_other_finds_it(
    opened: Open,
) -> None:
    """Locks can be lost with a connection or a file; what is written is kept once all the same."""

    async def test(first: Database, second: Database) -> None:
        key_lock = await claimed(first)
        robbed = key_lock.transaction(deadline())
        await key_lock.release()
        assert await answer(second) == ANSWER
        await robbed.execute(sale(2))
        with pytest.raises(AlreadyStored):
            await key_lock.store(robbed, REFUSAL)
        await robbed.rollback()
        assert await key_lock.find(deadline()) == ANSWER
        assert await count(first) == 1

    run(opened, test)


def test_an_answer_whose_time_is_over_is_not_found_and_the_next_takes_its_place(
    opened: Open,
) -> None:
    async def test(first: Database, second: Database) -> None:
        await answer(first)
        await write(first, text("UPDATE nv_idempotency SET expires = 1"), text("DELETE FROM sales"))
        assert await answer(second, REFUSAL) == REFUSAL
        assert await answer(first) == REFUSAL

    run(opened, test)


def test_a_sweep_deletes_what_is_over_in_batches_and_nothing_else(opened: Open) -> None:
    async def test(first: Database, second: Database) -> None:
        await answer(first)
        await write(
            first,
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) "
                "INSERT INTO nv_idempotency (key, fingerprint, status, content_type, fields, body, "
                "expires) SELECT CAST(CAST(i AS TEXT) AS {octets}), fingerprint, status, "
                "content_type, fields, body, 1 FROM n, nv_idempotency".format(
                    octets="BYTEA" if "Postgres" in type(first).__name__ else "BLOB"
                )
            ),
        )
        assert [await first.delete_expired() for _ in range(4)] == [100, 100, 50, 0]
        assert await answer(second, REFUSAL) == ANSWER

    run(opened, test)


def test_a_sweep_of_a_store_without_the_table_makes_nothing(opened: Open) -> None:
    async def test() -> None:
        database = opened()
        assert await database.delete_expired() == 0
        tx = begin(database)
        with pytest.raises((OperationalError, Conflict)):
            await tx.execute(text("SELECT * FROM nv_idempotency"))
        await tx.rollback()
        await database.close()

    asyncio.run(test())

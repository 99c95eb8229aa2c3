"""What every backend guarantees about locks of idempotency keys and stored responses."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from tests.contracts.databases import Pair, begin, count, sale, write

from neurova.database.base import (
    AlreadyStored,
    Conflict,
    Database,
    KeyLock,
    KeyLocked,
    StoredResponse,
)

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
RESPONSE = StoredResponse(
    b"\xff" * 32, 201, b"application/json", ((b"location", b"/a\xe9"),), b'{"a": 1}\x00\xff'
)
REFUSAL = StoredResponse(b"\x00" * 32, 409, b"application/problem+json", (), b"{}")


def deadline(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


async def lock(database: Database, key: bytes = KEY, seconds: float = 20) -> KeyLock:
    return await database.lock_key(key, deadline(seconds))


async def call(
    database: Database, response: StoredResponse = RESPONSE, key: bytes = KEY
) -> StoredResponse:
    """Write a row and store a response like one call, or return the stored response."""
    key_lock = await lock(database, key)
    if key_lock.response is not None:
        await key_lock.release()
        return key_lock.response
    tx = key_lock.transaction(deadline())
    try:
        await tx.execute(sale(1))
        await key_lock.store(tx, response)
        await tx.commit()
    finally:
        await tx.rollback()
        await key_lock.release(response)
    return response


async def test_response_is_stored_with_the_changes(databases: Pair) -> None:
    first, second = databases
    assert await call(first) == RESPONSE
    assert await call(second, REFUSAL) == RESPONSE
    assert await call(first, REFUSAL) == RESPONSE
    assert await count(second) == 1


async def test_response_is_found_while_its_key_is_locked(databases: Pair) -> None:
    first, second = databases
    assert await second.find_response(KEY, deadline()) is None
    await call(first)
    key_lock = await lock(first)
    assert await second.find_response(KEY, deadline()) == RESPONSE
    await key_lock.release()


async def test_100_concurrent_calls_run_once(databases: Pair) -> None:
    first, second = databases
    found = await asyncio.gather(*(call((first, second)[n % 2]) for n in range(100)))
    assert found == [RESPONSE] * 100
    assert await count(first) == 1


async def test_rollback_passes_the_lock_to_the_next_call(databases: Pair) -> None:
    first, _ = databases
    key_lock = await lock(first)
    tx = key_lock.transaction(deadline())
    await tx.execute(sale(1))
    await key_lock.store(tx, RESPONSE)
    waiting = [asyncio.create_task(lock(first)) for _ in range(2)]
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


@pytest.mark.parametrize("writes", [True, False])
async def test_response_is_stored_after_rollback_to_savepoint(
    databases: Pair, writes: bool
) -> None:
    first, second = databases
    key_lock = await lock(first)
    tx = key_lock.transaction(deadline())
    if writes:
        await tx.execute(sale(1))
        await tx.execute(text("UPDATE sales SET buyer = 'bob'"))
    await tx.rollback_to_savepoint()
    await key_lock.store(tx, REFUSAL)
    await tx.commit()
    await key_lock.release(REFUSAL)
    assert await count(second) == 0
    assert await call(second) == REFUSAL


async def test_waiting_for_a_lock_ends_at_the_deadline(databases: Pair) -> None:
    first, second = databases
    key_lock = await lock(first)
    for database in (first, second):
        await (await lock(database, OTHER)).release()  # a lock on another key does not wait
    for database in (first, second):
        with pytest.raises(KeyLocked):
            await lock(database, seconds=0.2)
    await key_lock.release()
    for database in (second, first):
        await (await lock(database)).release()


async def test_cancelled_waiters_are_skipped(databases: Pair) -> None:
    first, second = databases
    key_lock = await lock(first)
    waiting = [asyncio.create_task(lock((first, second)[number % 2])) for number in range(6)]
    await asyncio.sleep(0)
    for task in waiting[:4]:
        task.cancel()
    await key_lock.release()
    ended = await asyncio.gather(*waiting[:4], return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended)
    for task in waiting[4:]:
        await (await task).release()


async def test_waiter_cancelled_when_served_passes_the_lock_on(databases: Pair) -> None:
    first, _ = databases
    key_lock = await lock(first)
    waiting = [asyncio.create_task(lock(first)) for _ in range(2)]
    await asyncio.sleep(0)
    await key_lock.release()
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    await (await waiting[1]).release()


async def test_lock_allows_several_transactions_and_other_writers(databases: Pair) -> None:
    first, second = databases
    key_lock = await lock(first)
    for number in range(3):
        tx = key_lock.transaction(deadline())
        await write(second, sale(10 + number))
        await tx.execute(sale(number))
        await (tx.rollback() if number == 1 else tx.commit())
    await key_lock.release()
    assert await count(second) == 5


async def test_lost_lock_stores_only_one_response(databases: Pair) -> None:
    """A process can lose its lock when it loses the connection or the lock file."""
    first, second = databases
    key_lock = await lock(first)
    late = key_lock.transaction(deadline())
    await key_lock.release()
    assert await call(second) == RESPONSE
    await late.execute(sale(2))
    with pytest.raises(AlreadyStored):
        await key_lock.store(late, REFUSAL)
    await late.rollback()
    assert await key_lock.find(deadline()) == RESPONSE
    assert await count(first) == 1


async def test_expired_response_is_replaced(databases: Pair) -> None:
    first, second = databases
    await call(first)
    await write(first, text("UPDATE nv_idempotency SET expires = 1"), text("DELETE FROM sales"))
    assert await call(second, REFUSAL) == REFUSAL
    assert await call(first) == REFUSAL


async def test_expired_responses_are_deleted_in_batches(databases: Pair) -> None:
    first, second = databases
    await call(first)
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
    assert await call(second, REFUSAL) == RESPONSE


async def test_deleting_without_the_table_creates_nothing(database: Database) -> None:
    assert await database.delete_expired() == 0
    tx = begin(database)
    with pytest.raises((OperationalError, Conflict)):
        await tx.execute(text("SELECT * FROM nv_idempotency"))
    await tx.rollback()

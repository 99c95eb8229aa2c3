"""What PostgreSQL adds to the database contract: conflicts, retries, round trips."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from tests.runtime.database.things import (
    begin,
    names,
    open_postgres,
    renamed,
    things,
    total,
)
from tests.servers.postgres import PostgresServer

from neurova.database.base import Conflict, TransactionError
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import Unavailable

pytestmark = pytest.mark.server


async def conflicted(database: PostgresDatabase) -> Any:
    """Return a transaction that conflicted with a committed one."""
    first, second = begin(database), begin(database)
    await second.execute(total)
    await first.execute(renamed(1, "x"))
    await first.commit()
    with pytest.raises(Conflict, match="conflicted"):
        await second.execute(renamed(1, "y"))
    return second


async def retried(database: PostgresDatabase) -> Any:
    """Return the retry of a conflicting transaction."""
    tx = await conflicted(database)
    await tx.rollback()
    return await tx.conflict.retry()


async def test_write_skew_is_a_conflict(url: str) -> None:
    """Snapshot isolation alone would allow write skew."""
    async with open_postgres(url) as database:
        first, second = begin(database), begin(database)
        everything = select(func.string_agg(things.c.name, "+"))
        names_read = [(await tx.execute(everything)).scalar_one() for tx in (first, second)]
        await first.execute(renamed(1, names_read[0]))
        await second.execute(renamed(2, names_read[1]))
        await first.commit()
        with pytest.raises(Conflict):
            await second.commit()
        await second.rollback()
        assert second.conflict is not None
        assert await names(database) == ["a+b", "b"]


@pytest.mark.parametrize("readonly", [True, False])
async def test_isolation_follows_the_method(url: str, readonly: bool) -> None:
    async with open_postgres(url) as database:
        tx = begin(database, readonly=readonly)
        settings = ("transaction_isolation", "transaction_read_only")
        how = "SELECT " + ", ".join(f"current_setting('{name}')" for name in settings)
        expected = ("repeatable read", "on") if readonly else ("serializable", "off")
        assert (await tx.execute(text(how))).one() == expected
        await tx.rollback()


async def test_caught_conflict_cannot_be_committed(url: str) -> None:
    async with open_postgres(url) as database:
        conflicting = await conflicted(database)
        for step in (conflicting.execute(renamed(1, "y")), conflicting.commit()):
            with pytest.raises(Conflict):
                await step
        await conflicting.rollback()


async def test_retry_after_a_failed_statement_may_catch_it(url: str) -> None:
    async with open_postgres(url) as database:
        tx = begin(database)
        twin = things.insert().values(id=1)
        await tx.execute(renamed(2, "before"))
        with pytest.raises(Conflict, match="a statement failed"):
            await tx.execute(twin)
        await tx.rollback()
        tx = await tx.conflict.retry()
        await tx.execute(renamed(2, "once"))
        for _ in range(3):
            with pytest.raises(IntegrityError):
                await tx.execute(twin)
            await tx.execute(things.update().values(name=things.c.name + "!"))
        assert tx.conflict is None
        await tx.commit()
        assert await names(database) == ["a!!!", "once!!!"]


async def test_concurrent_migration_is_a_conflict(url: str, postgres: PostgresServer) -> None:
    async with open_postgres(url, 2) as database:
        for _ in range(2):
            await names(database)
        everything = text("SELECT * FROM things")
        tx = begin(database)
        await tx.execute(everything)
        await tx.rollback()
        postgres.run("ALTER TABLE things ADD COLUMN more int", url)
        tx = begin(database)
        with pytest.raises(Conflict, match="migration changed the tables"):
            await tx.execute(everything)
        await tx.rollback()
        tx = await tx.conflict.retry()
        assert len((await tx.execute(everything)).first()) == 3
        await tx.rollback()


async def test_number_of_connections_is_limited(url: str, postgres: PostgresServer) -> None:
    """Half of the connections, rounded up, are for writers, so writers never block readers."""
    async with open_postgres(url, 3) as database:
        await asyncio.gather(*(names(database) for _ in range(50)))
        held = [begin(database) for _ in range(2)]
        for tx in held:
            await tx.execute(total)
        late = begin(database, seconds=0.2)
        with pytest.raises(Unavailable, match="all connections for writing were in use"):
            await late.execute(total)
        name = PostgresUrl(url).database
        open_now = postgres.run(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")
        assert open_now == [(3,)]
        assert await names(database) == ["a", "b"]
        for tx in held:
            await tx.rollback()


async def test_retry_runs_alone(url: str) -> None:
    async with open_postgres(url) as database:
        again = await retried(database)
        third = begin(database)
        await again.execute(renamed(1, "y"))
        waiting = asyncio.create_task(third.execute(renamed(1, "z")))
        assert await names(database) == ["x", "b"]  # readers do not wait
        assert not waiting.done()
        await again.commit()
        await waiting
        await third.commit()
        assert await names(database) == ["z", "b"]


async def test_retry_waits_a_second_for_a_slow_writer(url: str) -> None:
    async with open_postgres(url) as database:
        slow = begin(database)
        await slow.execute(total)
        again = await retried(database)
        await again.execute(things.insert().values(id=3, name="c"))  # `slow` is still open
        await again.commit()
        await slow.rollback()
        assert await names(database) == ["x", "b", "c"]


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
async def test_statement_that_ends_the_transaction_is_refused(url: str, end: str) -> None:
    async with open_postgres(url) as database:
        tx = begin(database)
        with pytest.raises(TransactionError, match="remove COMMIT and ROLLBACK"):
            await tx.execute(text(end))
        for going_on in (tx.execute(renamed(1, "alone")), tx.commit()):
            with pytest.raises(TransactionError, match="remove COMMIT and ROLLBACK"):
                await going_on
        await tx.rollback()
        assert await names(database) == ["a", "b"]


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_session_settings_end_with_the_transaction(
    url: str, readonly: bool, end: str
) -> None:
    query = text(
        "SELECT current_setting('search_path'), current_setting('app.tenant', true), current_user,"
        " current_setting('application_name')"
    )
    async with open_postgres(url, 2) as database:
        before = begin(database, readonly=readonly)
        first = (await before.execute(query)).one()
        for statement in (
            "SET search_path TO nowhere",
            "SELECT set_config('app.tenant', 'ada', false)",
            "SET ROLE pg_monitor",
        ):
            await before.execute(text(statement))
        await getattr(before, end)()
        after = begin(database, readonly=readonly)
        second = (await after.execute(query)).one()
        await after.rollback()
        # After RESET, a custom setting is "" instead of NULL.
        assert [value or "" for value in second] == [value or "" for value in first]

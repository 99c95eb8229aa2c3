"""What PostgreSQL adds to the contract: clashes, turns, trips."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from tests.runtime.database.things import (
    begin,
    names,
    on_a_wire,
    renamed,
    run,
    things,
    total,
)
from tests.servers.postgres import PostgresServer
from tests.servers.wire import Wire

from neurova.database.base import Conflict, Transaction, TransactionError
from neurova.database.postgres.connection import _RESET as RESET
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import Unavailable

pytestmark = pytest.mark.server


def test_two_that_change_one_row_clash_and_the_second_runs_again(url: str) -> None:
    async def test(database: PostgresDatabase) -> None:
        first, second = begin(database), begin(database)
        for tx in (first, second):
            await tx.execute(total)
        await first.execute(renamed(1, "first"))
        await first.commit()
        with pytest.raises(Conflict, match="conflicted"):
            await second.execute(renamed(1, "second"))
        await second.rollback()
        again: Transaction = await second.conflict.retry()
        await again.execute(renamed(1, "second"))
        await again.commit()
        assert await names(database) == ["second", "b"]

    run(url, test)


def test_two_that_each_read_what_the_other_writes_do_not_both_last(url: str) -> None:
    """Write skew, which a snapshot alone lets through."""

    async def test(database: PostgresDatabase) -> None:
        first, second = begin(database), begin(database)
        everything = select(func.string_agg(things.c.name, "+"))
        seen = [(await tx.execute(everything)).scalar_one() for tx in (first, second)]
        await first.execute(renamed(1, seen[0]))
        await second.execute(renamed(2, seen[1]))
        await first.commit()
        with pytest.raises(Conflict):
            await second.commit()
        await second.rollback()
        assert second.conflict is not None
        assert await names(database) == ["a+b", "b"]

    run(url, test)


@pytest.mark.parametrize("readonly", [True, False])
def test_a_transaction_is_as_its_method_asks(url: str, readonly: bool) -> None:
    async def test(database: PostgresDatabase) -> None:
        tx = begin(database, readonly=readonly)
        settings = ("transaction_isolation", "transaction_read_only")
        how = "SELECT " + ", ".join(f"current_setting('{name}')" for name in settings)
        expected = ("repeatable read", "on") if readonly else ("serializable", "off")
        assert (await tx.execute(text(how))).one() == expected
        await tx.rollback()

    run(url, test)


def test_a_clash_that_the_function_swallowed_cannot_be_committed(url: str) -> None:
    async def test(database: PostgresDatabase) -> None:
        first, second = begin(database), begin(database)
        await second.execute(total)
        await first.execute(renamed(1, "x"))
        await first.commit()
        for _ in range(2):
            with pytest.raises(Conflict):
                await second.execute(renamed(1, "y"))
        with pytest.raises(Conflict):
            await second.commit()
        await second.rollback()

    run(url, test)


def test_after_a_statement_that_failed_it_runs_again_with_care_and_may_go_on(url: str) -> None:
    async def test(database: PostgresDatabase) -> None:
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

    run(url, test)


def test_a_migration_meanwhile_runs_it_again(url: str, postgres: PostgresServer) -> None:
    async def test(database: PostgresDatabase) -> None:
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

    run(url, test, 2)


def test_no_more_connections_are_open_than_were_said(url: str, postgres: PostgresServer) -> None:
    """Half of them, rounded up, are for writers, who so never keep readers waiting."""

    async def test(database: PostgresDatabase) -> None:
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

    run(url, test, 3)


def test_one_that_clashed_runs_again_alone_and_the_others_wait_for_it(url: str) -> None:
    async def test(database: PostgresDatabase) -> None:
        first, second, third = begin(database), begin(database), begin(database)
        for tx in (first, second):
            await tx.execute(total)
        await first.execute(renamed(1, "x"))
        await first.commit()
        with pytest.raises(Conflict):
            await second.execute(renamed(1, "y"))
        await second.rollback()
        again = await second.conflict.retry()
        await again.execute(renamed(1, "y"))
        waiting = asyncio.create_task(third.execute(renamed(1, "z")))
        assert await names(database) == ["x", "b"]  # nobody who reads waits
        assert not waiting.done()
        await again.commit()
        await waiting
        await third.commit()
        assert await names(database) == ["z", "b"]

    run(url, test)


def test_one_that_clashed_waits_a_second_to_be_alone_then_goes_beside_a_slow_one(url: str) -> None:
    async def test(database: PostgresDatabase) -> None:
        slow, first, second = begin(database), begin(database), begin(database)
        for tx in (slow, first, second):
            await tx.execute(total)
        await first.execute(renamed(1, "x"))
        await first.commit()
        with pytest.raises(Conflict):
            await second.execute(renamed(1, "y"))
        await second.rollback()
        again = await second.conflict.retry()
        await again.execute(things.insert().values(id=3, name="c"))  # slow is still there
        await again.commit()
        await slow.rollback()
        assert await names(database) == ["x", "b", "c"]

    run(url, test)


def test_trips_are_counted_and_a_read_does_not_wait_for_its_end(url: str) -> None:
    async def test(database: PostgresDatabase, wire: Wire) -> None:
        for _ in range(2):  # the second time all is prepared
            tx = begin(database)
            await tx.execute(renamed(1, "x"))
            await tx.commit()
            await names(database)
        while wire.queries[-1] != "COMMIT" + RESET:  # nobody waits for the end of a read
            await asyncio.sleep(0)
        before = wire.trips
        tx = begin(database)
        await tx.execute(renamed(1, "y"))
        await tx.execute(total)
        await tx.commit()
        assert wire.trips - before == 5  # BEGIN, UPDATE, the SELECT prepared and run, COMMIT
        before = wire.trips
        assert await names(database) == ["y", "b"]
        assert wire.trips - before <= 3  # BEGIN, SELECT, and COMMIT that may be under way

    on_a_wire(url, test, 2)


def test_a_transaction_without_statements_is_not_told_to_the_server(url: str) -> None:
    async def test(database: PostgresDatabase, wire: Wire) -> None:
        for end in ("commit", "rollback"):
            await getattr(begin(database), end)()
        assert wire.connections == 0

    on_a_wire(url, test)


def test_the_platforms_own_statements_run_in_the_same_transaction(url: str) -> None:
    async def test(database: PostgresDatabase) -> None:
        tx = begin(database)
        driver = await tx.driver()
        await driver.execute("INSERT INTO things VALUES (3, 'c')")
        assert (await tx.execute(total)).scalar_one() == 3
        await tx.rollback()
        assert await names(database) == ["a", "b"]
        with pytest.raises(TransactionError, match="has ended"):
            await tx.driver()

    run(url, test)


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_statement_that_ends_the_transaction_is_refused_and_no_other_runs(
    url: str, end: str
) -> None:
    async def test(database: PostgresDatabase) -> None:
        tx = begin(database)
        with pytest.raises(TransactionError, match="remove COMMIT and ROLLBACK"):
            await tx.execute(text(end))
        for going_on in (tx.execute(renamed(1, "alone")), tx.commit()):
            with pytest.raises(TransactionError, match="remove COMMIT and ROLLBACK"):
                await going_on
        await tx.rollback()
        assert await names(database) == ["a", "b"]

    run(url, test)


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_what_a_function_set_for_its_session_is_not_the_next_ones(
    url: str, readonly: bool, end: str
) -> None:
    asked = text(
        "SELECT current_setting('search_path'), current_setting('app.tenant', true), current_user,"
        " current_setting('application_name')"
    )

    async def test(database: PostgresDatabase) -> None:
        before = begin(database, readonly=readonly)
        first = (await before.execute(asked)).one()
        for statement in (
            "SET search_path TO nowhere",
            "SELECT set_config('app.tenant', 'ada', false)",
            "SET ROLE pg_monitor",
        ):
            await before.execute(text(statement))
        await getattr(before, end)()
        after = begin(database, readonly=readonly)
        found = (await after.execute(asked)).one()
        await after.rollback()
        # A setting of one's own, once named in a session, is "" there when it is reset.
        assert [value or "" for value in found] == [value or "" for value in first]

    run(url, test, connections=2)

"""The database cost of Booking's calls."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from functions.booking.cancel import cancel_booking
from functions.booking.change import change_booking
from functions.booking.domain import Change
from functions.booking.get import get_booking
from functions.booking.list import list_bookings
from sqlalchemy import Engine, event
from tests.functions.booking.conftest import ADA, DAY, Handlers, rejected
from tests.servers.wire import Wire

from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl


@contextmanager
def recorded_statements() -> Iterator[dict[str, Any]]:
    """Yield the statements run in the block, except INSERTs, with their parameters."""
    statements: dict[str, Any] = {}

    def record(_: Any, __: Any, sql: str, parameters: Any, *___: Any) -> None:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")) and "FROM rooms ORDER" not in sql:
            statements[sql] = parameters

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)


async def test_every_statement_uses_an_index(handlers: Handlers) -> None:
    with recorded_statements() as statements:
        created = await handlers.book()
        await handlers.call(change_booking, id=created.id, change=Change(nights=2), caller=ADA)
        await handlers.call(list_bookings, caller=ADA, after=created.id, status="booked")
        await handlers.call(cancel_booking, id=created.id, caller=ADA)
    assert len(statements) >= 7
    if isinstance(handlers.place, Path):
        plans = sqlite_plans(handlers.place, statements)
        scans = [plan for plan in plans if plan.startswith("SCAN") and "subquery" not in plan]
    else:
        plans = await postgres_plans(handlers.place, statements)
        scans = [plan for plan in plans if "Seq Scan" in plan]
    assert scans == []


def sqlite_plans(path: Path, statements: dict[str, Any]) -> list[str]:
    connection = sqlite3.connect(path)
    plans = [
        row[3]
        for sql, parameters in statements.items()
        for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
    ]
    connection.close()
    return plans


async def postgres_plans(url: PostgresUrl, statements: dict[str, Any]) -> list[str]:
    """Return the plans of PostgreSQL, line by line, with sequential scans disabled."""
    connection = await asyncpg.connect(url.dsn)
    try:
        await connection.execute("SET enable_seqscan = off")
        return [
            row[0]
            for sql, parameters in statements.items()
            for row in await connection.fetch(f"EXPLAIN {sql}", *parameters)
        ]
    finally:
        await connection.close()


@pytest.mark.parametrize("handlers", ["sqlite"], indirect=True)
async def test_create_costs_one_thread_call_and_a_read_none(handlers: Handlers) -> None:
    created = await handlers.book()
    before = handlers.database.thread_calls
    await handlers.book(arrival=DAY + timedelta(9), nights=7)
    assert handlers.database.thread_calls == before + 1
    await handlers.call(get_booking, id=created.id, caller=ADA)
    await rejected(handlers.book(), 409)
    assert handlers.database.thread_calls == before + 1


@pytest.mark.server
@pytest.mark.parametrize("handlers", ["postgres"], indirect=True)
async def test_create_costs_five_round_trips_to_postgresql(handlers: Handlers) -> None:
    """BEGIN, free rooms, booking, nights, COMMIT with the event; a read: BEGIN, SELECT, COMMIT.

    The response to a read does not wait for its COMMIT.
    """

    async def settle() -> None:
        while not wire.queries[-1].startswith("COMMIT"):
            await asyncio.sleep(0)

    async with Wire(handlers.place.dsn) as wire:  # type: ignore[union-attr] - a PostgresUrl here
        database = PostgresDatabase(PostgresUrl(wire.url), 2)
        through_wire = Handlers(database, handlers.place)
        created = await through_wire.book(nights=2)
        await through_wire.call(get_booking, id=created.id, caller=ADA)
        await settle()
        before = wire.trips
        await through_wire.book(arrival=DAY + timedelta(9), nights=7)
        assert wire.trips == before + 5
        await through_wire.call(get_booking, id=created.id, caller=ADA)
        await settle()
        assert wire.trips == before + 5 + 3
        simple = {query.partition(" ")[0] for query in wire.queries}
        assert simple <= {"BEGIN", "BEGIN;", "INSERT", "COMMIT", "COMMIT;"}
        await database.close()

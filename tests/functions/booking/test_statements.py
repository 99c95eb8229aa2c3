"""What Booking's calls cost their database."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from functions.booking.cancel import cancel_booking
from functions.booking.change import change_booking
from functions.booking.domain import Change
from functions.booking.get import get_booking
from functions.booking.list import list_bookings
from sqlalchemy import Engine, event
from tests.functions.booking.conftest import House
from tests.functions.booking.guests import ADA, DAY, book, refused
from tests.servers.wire import Wire

from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl


def statements(house: House) -> dict[str, Any]:
    """Return what Booking asks of its database, with parameters, but for what reads all rooms."""
    seen: dict[str, Any] = {}

    def note(_: Any, __: Any, sql: str, parameters: Any, *___: Any) -> None:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")) and "FROM rooms ORDER" not in sql:
            seen[sql] = parameters

    async def run() -> None:
        made = await book(house)
        await house.call(change_booking, id=made.id, change=Change(nights=2), caller=ADA)
        await house.call(list_bookings, caller=ADA, after=made.id, status="booked")
        await house.call(cancel_booking, id=made.id, caller=ADA)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        house.run(run)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(seen) >= 7
    return seen


def test_every_statement_finds_its_rows_by_an_index(house: House) -> None:
    seen = statements(house)
    if isinstance(house.place, Path):
        connection = sqlite3.connect(house.place)
        plans = [
            row[3]
            for sql, parameters in seen.items()
            for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        ]
        connection.close()
        assert [plan for plan in plans if plan.startswith("SCAN") and "subquery" not in plan] == []
    else:
        assert [
            plan for plan in asyncio.run(planned(house.place, seen)) if "Seq Scan" in plan
        ] == []


async def planned(url: PostgresUrl, seen: dict[str, Any]) -> list[str]:
    """Return the lines of PostgreSQL's plans, which prefers an index wherever there is one."""
    import asyncpg

    connection = await asyncpg.connect(url.dsn)
    try:
        await connection.execute("SET enable_seqscan = off")
        return [
            row[0]
            for sql, parameters in seen.items()
            for row in await connection.fetch(f"EXPLAIN {sql}", *parameters)
        ]
    finally:
        await connection.close()


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_create_costs_one_hop_and_a_read_none(house: House) -> None:
    async def run() -> None:
        made = await book(house)
        before = house.database.thread_calls
        await book(house, arrival=DAY + timedelta(9), nights=7)
        assert house.database.thread_calls == before + 1
        await house.call(get_booking, id=made.id, caller=ADA)
        await refused(book(house), 409)
        assert house.database.thread_calls == before + 1

    house.run(run)


@pytest.mark.server
@pytest.mark.parametrize("house", ["postgres"], indirect=True)
def test_a_create_costs_five_trips_to_postgresql_and_a_read_two(house: House) -> None:
    """BEGIN, the rooms that are free, the booking, its nights, COMMIT; BEGIN, the booking.

    The end of a read is a trip too, but the reply does not wait for it.
    """

    async def run() -> None:
        async with Wire(house.place.dsn) as wire:  # type: ignore[union-attr]
            house.database = PostgresDatabase(PostgresUrl(wire.url), 2)
            made = await book(house, nights=2)
            await house.call(get_booking, id=made.id, caller=ADA)
            await settled(wire)
            before = wire.trips
            await book(house, arrival=DAY + timedelta(9), nights=7)
            assert wire.trips == before + 5
            await house.call(get_booking, id=made.id, caller=ADA)
            await settled(wire)
            assert wire.trips == before + 5 + 3
            assert {query.partition(" ")[0] for query in wire.queries} <= {
                "BEGIN",
                "BEGIN;",
                "COMMIT",
                "COMMIT;",
            }
            await house.database.close()

    house.run(run)


async def settled(wire: Wire) -> None:
    while not wire.queries[-1].startswith("COMMIT"):
        await asyncio.sleep(0)

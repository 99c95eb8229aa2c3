from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from functions.booking.create import create_booking
from functions.booking.domain import (
    Booking,
    BookingCancelled,
    BookingChanged,
    BookingCreated,
    NewBooking,
)
from functions.booking.features import MODEL
from tests.servers.postgres import PostgresServer

from neurova import Caller, Model, Reject
from neurova.database.event_tables import outbox
from neurova.database.migrations import upgrade
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.database.sqlite.database import SqliteDatabase
from neurova.events.codec import codec_of, with_head
from neurova.execution.transaction import run_in_transaction
from neurova.functions.decorators import description_of
from neurova.functions.descriptions import Http
from neurova.models.base import parse_model_reference
from neurova.models.records import ModelRecords
from neurova.models.versions import ServedModel

MIGRATIONS = Path(__file__).parents[3] / "functions" / "booking" / "migrations"
ADA = Caller(consumer="ada", scopes=frozenset({"booking:read", "booking:write"}))
BOB = Caller(consumer="bob", scopes=frozenset({"booking:read", "booking:write"}))
OPERATOR = Caller(consumer="op", scopes=frozenset({"booking:write", "booking:rate"}))
EVENTS = (BookingCreated, BookingChanged, BookingCancelled)
DAY = date(2016, 7, 2)


class Handlers:
    """Call Booking's handlers, each in its own transaction, like the platform."""

    def __init__(self, database: Any, place: Path | PostgresUrl) -> None:
        self.database = database
        self.place = place
        self.model = Model(ServedModel(parse_model_reference(MODEL), ModelRecords([]), 1.0))

    async def call(self, handler: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
        deadline = asyncio.get_running_loop().time() + 30
        description = description_of(handler)
        assert isinstance(description, Http)
        tx = self.database.transaction(readonly=description.method == "GET", deadline=deadline)
        return await run_in_transaction(tx, lambda tx: handler(**arguments, tx=tx))

    async def published(self) -> list[Any]:
        """Return the events in the outbox."""
        tx = self.database.transaction(
            readonly=True, deadline=asyncio.get_running_loop().time() + 9
        )
        try:
            rows = (await tx.execute(outbox.select().order_by(outbox.c.seq))).all()
        finally:
            await tx.rollback()
        events = {f"booking.{event.__name__}": event for event in EVENTS}
        return [
            codec_of(events[row.event]).decode(with_head(0, row.body), lambda _, r=row: r.schema)
            for row in rows
        ]

    async def book(self, caller: Caller = ADA, **options: Any) -> Booking:
        """Book a room; by default the only room of its type, for the night of DAY."""
        new = NewBooking(**{"room_type": "b", "arrival": DAY, "nights": 1, **options})
        booking: Booking = await self.call(create_booking, new=new, caller=caller, model=self.model)
        return booking


async def rejected(awaitable: Awaitable[Any], status: int) -> Reject:
    """Return the raised Reject, which must have the given status."""
    with pytest.raises(Reject) as caught:
        await awaitable
    assert caught.value.status == status
    return caught.value


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
async def handlers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Handlers]:
    if request.param == "sqlite":
        upgrade(tmp_path / "booking.db", MIGRATIONS)
        made = Handlers(SqliteDatabase(tmp_path / "booking.db"), tmp_path / "booking.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = PostgresUrl(server.create())
        upgrade(url, MIGRATIONS)
        made = Handlers(PostgresDatabase(url), url)
    yield made
    await made.database.close()

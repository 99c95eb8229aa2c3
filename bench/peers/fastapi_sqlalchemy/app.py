"""Create and read a booking with FastAPI, SQLAlchemy async and aiosqlite: only the SQL.

It runs the same three statements as NEUROVA's Booking, on a copy of the same empty database, with
WAL and synchronous FULL. It uses SQLAlchemy Core with statements built once (the ORM costs more)
and the default pool and transactions. Pydantic validates and returns the same fields. There
is no key, scope, limit, trace or access record. The check and the booking are not serialised, so a
room can be sold twice.

Runs on uvicorn with uvloop and httptools, no access log.
"""

import os
from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import uuid4

import sqlalchemy as sa
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import create_async_engine

CONSUMER = "acme"
PRICES = {
    "a": 85_00,
    "b": 110_00,
    "c": 175_00,
    "d": 114_00,
    "e": 120_00,
    "f": 147_00,
    "g": 183_00,
    "h": 200_00,
}
Guests = Annotated[int, Field(ge=0, le=20)]
Name = Annotated[str, Field(max_length=100)]


class NewBooking(BaseModel):
    """The requested stay."""

    room_type: Literal["a", "b", "c", "d", "e", "f", "g", "h"]
    arrival: date
    nights: Annotated[int, Field(ge=1, le=365)]
    adults: Guests = 2
    children: Guests = 0
    babies: Guests = 0
    meal: str = "bed_and_breakfast"
    country: Name = ""
    segment: str = "direct"
    channel: str = "direct"
    agent: Name = ""
    company: Name = ""
    lead_time: Annotated[int, Field(ge=0, le=10_000)] = 0


class Booking(BaseModel):
    """The stored booking."""

    id: str
    status: str
    room_type: str
    arrival: date
    departure: date
    nights: int
    adults: int
    children: int
    babies: int
    meal: str
    country: str
    segment: str
    channel: str
    agent: str
    company: str
    lead_time: int
    rate: int
    total: int


metadata = sa.MetaData()
rooms = sa.Table(
    "rooms",
    metadata,
    sa.Column("type", sa.String, primary_key=True),
    sa.Column("count", sa.Integer),
)
TEXTS = ("id", "consumer", "status", "room_type", "meal", "country")
TEXTS += ("segment", "channel", "agent", "company")
NUMBERS = ("nights", "adults", "children", "babies", "lead_time", "rate")
bookings = sa.Table(
    "bookings",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("arrival", sa.Date),
    *(sa.Column(name, sa.String) for name in TEXTS),
    *(sa.Column(name, sa.Integer) for name in NUMBERS),
)
taken = sa.Table(
    "taken",
    metadata,
    sa.Column("room_type", sa.String, primary_key=True),
    sa.Column("night", sa.Date, primary_key=True),
    sa.Column("booking", sa.String, primary_key=True),
)
FULLEST = (
    select(sa.func.count().label("rooms"))
    .where(
        taken.c.room_type == bindparam("type"),
        taken.c.night >= bindparam("arrival"),
        taken.c.night < bindparam("departure"),
    )
    .group_by(taken.c.night)
    .order_by(sa.desc("rooms"))
    .limit(1)
    .scalar_subquery()
)
FREE = select(rooms.c.count - sa.func.coalesce(FULLEST, 0)).where(rooms.c.type == bindparam("type"))
SHOWN = [column for column in bookings.c if column.name not in ("seq", "consumer")]
OWNED = select(*SHOWN).where(
    bookings.c.id == bindparam("id"), bookings.c.consumer == bindparam("consumer")
)
BOOK, TAKE = bookings.insert(), taken.insert()

engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['BENCH_DATABASE']}")
app = FastAPI()


@sa.event.listens_for(engine.sync_engine, "connect")
def durable(connection, record):
    """Set WAL and FULL on every connection."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def to_response(row) -> Booking:
    """Return the response of a row."""
    departure = row["arrival"] + timedelta(row["nights"])
    return Booking(**row, departure=departure, total=row["rate"] * row["nights"])


@app.post("/bookings", status_code=201)
async def create(new: NewBooking) -> Booking:
    """Book a room."""
    row = new.model_dump()
    row |= {"id": uuid4().hex, "status": "booked", "rate": PRICES[new.room_type]}
    nights = [new.arrival + timedelta(day) for day in range(new.nights)]
    stay = {
        "type": new.room_type,
        "arrival": new.arrival,
        "departure": new.arrival + timedelta(new.nights),
    }
    async with engine.begin() as connection:
        if (await connection.execute(FREE, stay)).scalar_one() < 1:
            raise HTTPException(409, "sold out")
        await connection.execute(BOOK, {"consumer": CONSUMER, **row})
        every = [
            {"room_type": new.room_type, "night": night, "booking": row["id"]} for night in nights
        ]
        await connection.execute(TAKE, every)
    return to_response(row)


@app.get("/bookings/{id}")
async def read(id: str) -> Booking:
    """Read a booking."""
    async with engine.connect() as connection:
        found = await connection.execute(OWNED, {"id": id, "consumer": CONSUMER})
        row = found.mappings().first()
    if row is None:
        raise HTTPException(404, "no such booking")
    return to_response(row)

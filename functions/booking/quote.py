"""Say what a stay costs."""

from datetime import date

from msgspec import Struct

from neurova import post

from .domain import PRICES, Nights, RoomType, departure


class Stay(Struct, forbid_unknown_fields=True):
    """Name a stay that somebody thinks of."""

    room_type: RoomType
    arrival: date
    nights: Nights = 1


class Quote(Struct):
    """State the price of a stay in cents: `rate` for a night, `total` for all."""

    room_type: RoomType
    arrival: date
    departure: date
    nights: int
    rate: int
    total: int


@post("/quote", scopes=["booking:read"], limit="600/minute")
async def quote(stay: Stay) -> Quote:
    """Say what a stay costs; whether a room is free for it is another question."""
    rate = PRICES[stay.room_type]
    leaves = departure(stay.arrival, stay.nights)
    return Quote(stay.room_type, stay.arrival, leaves, stay.nights, rate, rate * stay.nights)

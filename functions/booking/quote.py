"""Quote the price of a stay."""

from datetime import date

from msgspec import Struct

from neurova import post

from .domain import PRICES, Nights, RoomType, departure_date


class Stay(Struct, forbid_unknown_fields=True):
    """The stay to quote."""

    room_type: RoomType
    arrival: date
    nights: Nights = 1


class Quote(Struct):
    """The price of a stay in cents: `rate` for one night, `total` for all nights."""

    room_type: RoomType
    arrival: date
    departure: date
    nights: int
    rate: int
    total: int


@post("/quote", scopes=["booking:read"], limit="600/minute")
async def quote(stay: Stay) -> Quote:
    """Return the price of a stay. It does not check availability, see GET /availability."""
    rate = PRICES[stay.room_type]
    departure = departure_date(stay.arrival, stay.nights)
    return Quote(stay.room_type, stay.arrival, departure, stay.nights, rate, rate * stay.nights)

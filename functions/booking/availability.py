"""Count the free rooms for a stay."""

from datetime import date

from msgspec import Struct

from neurova import Tx, get

from .domain import Nights, RoomType, departure_date
from .stays import count_free_rooms


class Availability(Struct):
    """The number of rooms that are free on every night of a stay."""

    room_type: RoomType
    arrival: date
    departure: date
    free: int


@get("/availability", scopes=["booking:read"], limit="600/minute")
async def availability(
    room_type: RoomType, arrival: date, tx: Tx, nights: Nights = 1
) -> Availability:
    """Count the rooms of a type that are free on every night of a stay."""
    departure = departure_date(arrival, nights, where="query")
    free = await count_free_rooms(tx, room_type, arrival, departure)
    return Availability(room_type, arrival, departure, free)

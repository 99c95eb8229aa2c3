"""Tell how many rooms are free for a stay."""

from datetime import date

from msgspec import Struct

from neurova import Tx, get

from .domain import Nights, RoomType, departure
from .stays import free


class Availability(Struct):
    """Count the rooms that are free on every night of a stay."""

    room_type: RoomType
    arrival: date
    departure: date
    free: int


@get("/availability", scopes=["booking:read"], limit="600/minute")
async def availability(
    room_type: RoomType, arrival: date, tx: Tx, nights: Nights = 1
) -> Availability:
    """Count the rooms of a type that are free on every night of a stay."""
    leaves = departure(arrival, nights, where="query")
    return Availability(room_type, arrival, leaves, await free(tx, room_type, arrival, leaves))

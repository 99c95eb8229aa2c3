"""List the rooms of the hotel."""

from msgspec import Struct

from neurova import Tx, get

from .domain import PRICES, RoomType, rooms


class Rooms(Struct):
    """The rooms of one type. `rate` is the price of a room for one night, in cents."""

    type: RoomType
    count: int
    rate: int


_by_type = rooms.select().order_by(rooms.c.type)


@get("/rooms", scopes=["booking:read"])
async def list_rooms(tx: Tx) -> list[Rooms]:
    """List the room types with their room counts and prices."""
    rows = (await tx.execute(_by_type)).mappings()
    return [Rooms(row["type"], row["count"], PRICES[row["type"]]) for row in rows]

"""List bookings, page by page."""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import select

from neurova import Caller, Fault, Reject, Tx, get

from .domain import BOOKING_COLUMNS, Booking, Channel, RoomType, Status, bookings


class Page(Struct):
    """A page of bookings, oldest first. Pass `next` as `after` for the next page; null: no more."""

    bookings: list[Booking]
    next: str | None


@get("/bookings", scopes=["booking:read"])
async def list_bookings(
    caller: Caller,
    tx: Tx,
    after: str = "",
    limit: Annotated[int, Meta(ge=1, le=500)] = 50,
    arrival_from: date | None = None,
    arrival_before: date | None = None,
    room_type: RoomType | None = None,
    channel: Channel | None = None,
    status: Status | None = None,
) -> Page:
    """List the caller's bookings in order of creation."""
    conditions = [bookings.c.consumer == caller.consumer]
    if after:
        conditions.append(bookings.c.seq > await _find_position(tx, after, caller))
    if arrival_from is not None:
        conditions.append(bookings.c.arrival >= arrival_from)
    if arrival_before is not None:
        conditions.append(bookings.c.arrival < arrival_before)
    if room_type is not None:
        conditions.append(bookings.c.room_type == room_type)
    if channel is not None:
        conditions.append(bookings.c.channel == channel)
    if status is not None:
        conditions.append(bookings.c.status == status)
    statement = (
        select(*BOOKING_COLUMNS).where(*conditions).order_by(bookings.c.seq).limit(limit + 1)
    )
    found = [Booking.from_row(row) for row in (await tx.execute(statement)).mappings()]
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def _find_position(tx: Tx, id: str, caller: Caller) -> int:
    """Return the sequence number of a booking. Clients see ids only, which reveal no counts."""
    own = (bookings.c.id == id, bookings.c.consumer == caller.consumer)
    position = (await tx.execute(select(bookings.c.seq).where(*own))).scalar()
    if position is None:
        fault = Fault("/after", "is not your booking: use `next` of the previous page", "query")
        raise Reject(422, "The page does not exist.", errors=[fault])
    return int(position)

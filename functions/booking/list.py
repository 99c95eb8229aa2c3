"""List bookings, page by page."""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import select

from neurova import Caller, Fault, Reject, Tx, get

from .domain import STORED, Booking, Channel, RoomType, Status, bookings


class Page(Struct):
    """Give some bookings, oldest first; `next` is the `after` of the next page, null at the end."""

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
    """List the caller's bookings in the order in which they were made."""
    wanted = [bookings.c.consumer == caller.consumer]
    if after:
        wanted.append(bookings.c.seq > await _place(tx, after, caller.consumer))
    if arrival_from is not None:
        wanted.append(bookings.c.arrival >= arrival_from)
    if arrival_before is not None:
        wanted.append(bookings.c.arrival < arrival_before)
    if room_type is not None:
        wanted.append(bookings.c.room_type == room_type)
    if channel is not None:
        wanted.append(bookings.c.channel == channel)
    if status is not None:
        wanted.append(bookings.c.status == status)
    page = select(*STORED).where(*wanted).order_by(bookings.c.seq).limit(limit + 1)
    found = [Booking.read(row) for row in (await tx.execute(page)).mappings()]
    more = len(found) > limit
    return Page(found[:limit], found[limit - 1].id if more else None)


async def _place(tx: Tx, id: str, consumer: str) -> int:
    """Return where in the list a booking stands; ids tell nobody how many others there are."""
    mine = (bookings.c.id == id, bookings.c.consumer == consumer)
    seq = (await tx.execute(select(bookings.c.seq).where(*mine))).scalar()
    if seq is None:
        fault = Fault("/after", "is no booking of yours: use the `next` of a page", "query")
        raise Reject(422, "The page cannot be found", errors=[fault])
    return int(seq)

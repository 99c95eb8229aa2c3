"""Change a booking."""

from msgspec import UNSET
from sqlalchemy import bindparam

from neurova import Caller, Reject, Tx, patch

from .domain import Booking, Change, bookings
from .stays import free, owned, release, sold_out, take

_update = bookings.update().where(bookings.c.id == bindparam("booking"))


@patch("/bookings/{id}", scopes=["booking:write"])
async def change_booking(id: str, change: Change, caller: Caller, tx: Tx) -> Booking:
    """Change what is given of a booking; another stay needs a room that is free for it."""
    if change.rate is not UNSET and not caller.may("booking:rate"):
        raise Reject(403, "Setting one's own rate needs a key with the scope booking:rate")
    before = await owned(tx, id, caller.consumer)
    if before.status == "cancelled":
        raise Reject(409, f"Booking {id} is cancelled: make a new one")
    booking = before.changed(change)
    await release(tx, before)
    if await free(tx, booking.room_type, booking.arrival, booking.departure) < 1:
        raise sold_out(booking)  # and what was released is taken again
    await take(tx, booking)
    stored = booking.row()
    del stored["id"]  # set, even to itself, SQLite would look through `taken` for who refers to it
    await tx.execute(_update, {"booking": id, **stored})
    return booking

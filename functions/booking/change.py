"""Change a booking and announce it."""

from msgspec import UNSET
from sqlalchemy import bindparam

from neurova import Caller, Reject, Tx, patch

from .domain import Booking, BookingChanged, Change, bookings
from .stays import check_free, check_rate_scope, get_own_booking, release_nights, take_nights

_update = bookings.update().where(bookings.c.id == bindparam("booking"))


@patch("/bookings/{id}", scopes=["booking:write"])
async def change_booking(id: str, change: Change, caller: Caller, tx: Tx) -> Booking:
    """Change fields of a booking. A room must be free on every night of the new stay."""
    if change.rate is not UNSET:
        check_rate_scope(caller)
    before = await get_own_booking(tx, id, caller)
    if before.status == "cancelled":
        raise Reject(409, f"Booking {id} is cancelled, create a new one.")
    booking = before.apply(change)
    await release_nights(tx, before)
    await check_free(tx, booking)  # a Reject rolls back the release
    await take_nights(tx, booking)
    row = booking.to_row()
    del row["id"]  # setting the id, even to the same value, makes SQLite search `taken`
    await tx.execute(_update, {"booking": id, **row})
    if booking != before:
        tx.publish(BookingChanged.of(booking))
    return booking

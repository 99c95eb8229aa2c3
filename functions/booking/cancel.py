"""Cancel a booking and announce it."""

from msgspec import structs
from sqlalchemy import bindparam

from neurova import Caller, Tx, delete

from .domain import Booking, BookingCancelled, bookings
from .stays import get_own_booking, release_nights

_cancel = bookings.update().where(bookings.c.id == bindparam("booking")).values(status="cancelled")


@delete("/bookings/{id}", scopes=["booking:write"])
async def cancel_booking(id: str, caller: Caller, tx: Tx) -> Booking:
    """Cancel a booking and release its nights. The booking stays listed; a repeat does nothing."""
    booking = await get_own_booking(tx, id, caller)
    if booking.status == "cancelled":
        return booking
    await release_nights(tx, booking)
    await tx.execute(_cancel, {"booking": id})
    tx.publish(BookingCancelled(id))
    return structs.replace(booking, status="cancelled")

"""Book a room."""

from neurova import Caller, Reject, Tx, post

from .domain import Booking, NewBooking, bookings
from .stays import free, sold_out, take

_add = bookings.insert()


@post("/bookings", scopes=["booking:write"], status=201)
async def create_booking(new: NewBooking, caller: Caller, tx: Tx) -> Booking:
    """Book one room for a stay, if one is free on each of its nights."""
    if new.rate is not None and not caller.may("booking:rate"):
        raise Reject(403, "Setting one's own rate needs a key with the scope booking:rate")
    booking = Booking.of(new)
    if await free(tx, booking.room_type, booking.arrival, booking.departure) < 1:
        raise sold_out(booking)
    await tx.execute(_add, {"consumer": caller.consumer, **booking.row()})
    await take(tx, booking)
    return booking

"""Create a booking and announce it."""

from typing import Annotated

from neurova import Caller, Model, Tx, post

from .domain import Booking, BookingCreated, NewBooking, bookings
from .features import MODEL, features_of
from .stays import check_free, check_rate_scope, take_nights

_insert = bookings.insert()


@post("/bookings", scopes=["booking:write"], status=201)
async def create_booking(
    new: NewBooking, caller: Caller, tx: Tx, model: Annotated[Model, MODEL]
) -> Booking:
    """Book a room if one is free on every night of the stay."""
    if new.rate is not None:
        check_rate_scope(caller)
    booking = Booking.create(new)
    await check_free(tx, booking)
    await tx.execute(_insert, {"consumer": caller.consumer, **booking.to_row()})
    await take_nights(tx, booking)
    tx.publish(BookingCreated.of(booking, caller.consumer, new.guest))
    if new.rate is not None:  # somebody chose it: the model's advice is compared with it
        tx.after_commit(model.observe, features_of(new, new.lead_time), new.rate / 100)
    return booking

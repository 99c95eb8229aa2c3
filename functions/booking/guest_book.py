"""Book a room for a guest of the public page, and announce it."""

from datetime import date

from msgspec import structs

from neurova import Caller, Fault, Reject, Tx, post

from .domain import Booking, BookingCreated, NewBooking, bookings
from .guests import SLEEPS, GuestBooking, NewGuestBooking, check_dates
from .stays import check_free, find_own_booking, take_nights

_insert = bookings.insert()


@post("/guest/bookings", public=True, limit="6/minute, 30/day", status=201)
async def book_as_guest(new: NewGuestBooking, caller: Caller, tx: Tx) -> GuestBooking:
    """Book a room at the price that the guest has seen. The number of the booking is its key."""
    check_dates(new.arrival, new.nights)
    booking = _create(new)
    stored = await find_own_booking(tx, new.number, caller)
    if stored is not None:
        if _stay(stored) != _stay(booking):
            raise Reject(409, "Another booking has this number, choose a new one.")
        return GuestBooking.of(stored)
    if booking.total != new.total:
        raise Reject(409, f"The price is now {booking.total}, see GET /guest/offers.")
    await check_free(tx, booking)
    await tx.execute(_insert, {"consumer": caller.consumer, **booking.to_row()})
    await take_nights(tx, booking)
    tx.publish(BookingCreated.of(booking, caller.consumer, new.guest))
    return GuestBooking.of(booking)


def _create(new: NewGuestBooking) -> Booking:
    if SLEEPS[new.room_type] < new.adults + new.children:
        fault = Fault("/room_type", f"sleeps {SLEEPS[new.room_type]} guests")
        raise Reject(422, "The room is too small.", errors=[fault])
    full = NewBooking(
        room_type=new.room_type,
        arrival=new.arrival,
        nights=new.nights,
        adults=new.adults,
        children=new.children,
        lead_time=max(0, (new.arrival - date.today()).days),
    )
    return structs.replace(Booking.create(full), id=new.number)


def _stay(booking: Booking) -> tuple[object, ...]:
    return (
        booking.room_type,
        booking.arrival,
        booking.nights,
        booking.adults,
        booking.children,
    )

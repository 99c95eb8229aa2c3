"""What guests of the public page may see and ask for; see decision 0021.

Guests have no key, so their bookings have the consumer "". A guest knows a booking by its number.
"""

from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from neurova import Fault, Reject

from .domain import Booking, Guest, RoomType, Status, departure_date

Number = Annotated[
    str,
    Meta(
        pattern="^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){4}$",
        description="20 characters of Crockford's base 32, chosen at random: 100 bits",
        examples=["7Q4M-X2PD-9RTA-4WHE-K5NB"],
    ),
]
GuestNights = Annotated[int, Meta(ge=1, le=30)]
Adults = Annotated[int, Meta(ge=1, le=5)]
Children = Annotated[int, Meta(ge=0, le=4)]

SLEEPS: dict[RoomType, int] = {"a": 2, "b": 2, "c": 4, "d": 2, "e": 3, "f": 3, "g": 4, "h": 5}
MAX_DAYS_AHEAD = 550


class NewGuestBooking(Struct, kw_only=True, forbid_unknown_fields=True):
    """A guest's request for a room. `total` is the price in cents that the guest has accepted.

    The client chooses `number`; a repeat with the same number returns the same booking.
    """

    number: Number
    room_type: RoomType
    arrival: date
    nights: GuestNights
    adults: Adults
    children: Children = 0
    total: Annotated[int, Meta(ge=0, le=100_000_00)]
    guest: Guest


class GuestBooking(Struct, kw_only=True):
    """A booking as its guest sees it; prices in cents, `rate` for one night, `total` for all."""

    number: str
    status: Status
    room_type: RoomType
    arrival: date
    departure: date
    nights: int
    adults: int
    children: int
    rate: int
    total: int

    @classmethod
    def of(cls, booking: Booking) -> "GuestBooking":
        """Return what the guest of a booking may see."""
        names = [name for name in cls.__struct_fields__ if name != "number"]
        return cls(number=booking.id, **{name: getattr(booking, name) for name in names})


def check_dates(arrival: date, nights: int, where: str = "body") -> date:
    """Return the departure. Raises Reject(422) for an arrival in the past or too far ahead."""
    today = date.today()
    message = ""
    if arrival < today - timedelta(1):  # in another time zone it may still be yesterday
        message = "must not be in the past"
    elif arrival > today + timedelta(MAX_DAYS_AHEAD):
        message = f"must be within {MAX_DAYS_AHEAD} days"
    if message:
        fault = Fault("/arrival", message, where)
        raise Reject(422, f"The arrival {message}.", errors=[fault])
    return departure_date(arrival, nights, where)

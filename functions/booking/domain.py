"""Types, prices, events and tables of the booking service.

Money is in whole cents. `rate` is the price of one room for one night.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from uuid import uuid4

import sqlalchemy as sa
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from neurova import Event, Fault, Reject

RoomType = Literal["a", "b", "c", "d", "e", "f", "g", "h"]
Meal = Literal[
    "no_meal_package",
    "bed_and_breakfast",
    "breakfast_and_one_other_meal",
    "breakfast_lunch_and_dinner",
]
Segment = Literal["direct", "corporate", "groups", "online_travel_agent", "offline_travel_agent"]
Channel = Literal["direct", "corporate", "ta_to"]
Status = Literal["booked", "cancelled"]
Nights = Annotated[int, Meta(ge=1, le=365)]
Guests = Annotated[int, Meta(ge=0, le=20)]
Cents = Annotated[int, Meta(ge=0, le=100_000_00)]
Name = Annotated[str, Meta(max_length=100)]
GuestName = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=r"[^\s\u0000-\u0020\u007f-\u00a0\ufeff]",
        description="a name that is not blank",
        examples=["Ada Lovelace"],
    ),
]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern="^[!-?A-~]+@[!-?A-~]+[.][!-?A-~]+$",
        description="an email address like ada@example.org",
        examples=["ada@example.org"],
    ),
]

Personal = Annotated[str, Meta(extra={"pii": True})]  # the warehouse hashes or drops it

PRICES: dict[RoomType, int] = {
    "a": 85_00,
    "b": 110_00,
    "c": 175_00,
    "d": 114_00,
    "e": 120_00,
    "f": 147_00,
    "g": 183_00,
    "h": 200_00,
}


def departure_date(arrival: date, nights: int, where: str = "body") -> date:
    """Return the day after the last night. Raises Reject(422) after the year 9999."""
    try:
        return arrival + timedelta(nights)
    except OverflowError:
        fault = Fault("/arrival", "the stay must end before the year 10000", where)
        raise Reject(422, "The stay ends too late.", errors=[fault]) from None


class Guest(Struct, forbid_unknown_fields=True):
    """The person who stays."""

    name: GuestName
    email: Email


class NewBooking(Struct, kw_only=True, forbid_unknown_fields=True):
    """A request for a room. `rate` needs the scope booking:rate; default: the type's price.

    `guest` is announced with the booking and not stored here: CRM keeps the guests.
    """

    room_type: RoomType
    arrival: date
    nights: Nights
    adults: Guests = 2
    children: Guests = 0
    babies: Guests = 0
    meal: Meal = "bed_and_breakfast"
    country: Name = ""
    segment: Segment = "direct"
    channel: Channel = "direct"
    agent: Name = ""
    company: Name = ""
    lead_time: Annotated[int, Meta(ge=0, le=10_000)] = 0
    rate: Cents | None = None
    guest: Guest | None = None


class Change(Struct, kw_only=True, forbid_unknown_fields=True):
    """The fields to change. A new room type without `rate` costs the price of that type."""

    room_type: RoomType | UnsetType = UNSET
    arrival: date | UnsetType = UNSET
    nights: Nights | UnsetType = UNSET
    adults: Guests | UnsetType = UNSET
    children: Guests | UnsetType = UNSET
    babies: Guests | UnsetType = UNSET
    meal: Meal | UnsetType = UNSET
    rate: Cents | UnsetType = UNSET


class Booking(Struct, kw_only=True):
    """A booked room, from the night of `arrival` to the morning of `departure`."""

    id: str
    status: Status = "booked"
    room_type: RoomType
    arrival: date
    departure: date
    nights: int
    adults: int
    children: int
    babies: int
    meal: Meal
    country: str
    segment: Segment
    channel: Channel
    agent: str
    company: str
    lead_time: int
    rate: int
    total: int

    @classmethod
    def create(cls, new: NewBooking) -> "Booking":
        """Return a booking with a new id."""
        row = {"id": uuid4().hex, "status": "booked", **structs.asdict(new)}
        del row["guest"]
        if new.rate is None:
            row["rate"] = PRICES[new.room_type]
        return cls.from_row(row)

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> "Booking":
        """Return the booking stored in a row."""
        departure = departure_date(row["arrival"], row["nights"])
        return cls(**row, departure=departure, total=row["rate"] * row["nights"])

    def apply(self, change: Change) -> "Booking":
        """Return a copy of the booking with the change applied."""
        row = self.to_row()
        row |= {name: value for name, value in structs.asdict(change).items() if value is not UNSET}
        if change.rate is UNSET and row["room_type"] != self.room_type:
            row["rate"] = PRICES[row["room_type"]]
        return self.from_row(row)

    def to_row(self) -> dict[str, Any]:
        """Return the values of the booking's columns."""
        return {column.name: getattr(self, column.name) for column in BOOKING_COLUMNS}

    def list_nights(self) -> list[date]:
        """Return the date of each night of the stay."""
        return [self.arrival + timedelta(day) for day in range(self.nights)]


class BookingCreated(Event):
    """A room was booked. `guest_name` and `guest_email` are empty without a guest."""

    booking: str
    consumer: str
    channel: Channel
    room_type: RoomType
    arrival: date
    nights: int
    total: int
    guest_name: Personal = ""
    guest_email: Personal = ""
    lead_time: int = 0

    @classmethod
    def of(cls, booking: Booking, consumer: str, guest: Guest | None) -> "BookingCreated":
        """Return the event of a new booking."""
        return cls(
            booking.id,
            consumer,
            booking.channel,
            booking.room_type,
            booking.arrival,
            booking.nights,
            booking.total,
            guest.name if guest else "",
            guest.email if guest else "",
            booking.lead_time,
        )


class BookingChanged(Event):
    """A booking has a new stay, or another price."""

    booking: str
    room_type: RoomType
    arrival: date
    nights: int
    total: int

    @classmethod
    def of(cls, booking: Booking) -> "BookingChanged":
        """Return the event of a changed booking."""
        return cls(booking.id, booking.room_type, booking.arrival, booking.nights, booking.total)


class BookingCancelled(Event):
    """A booking was cancelled."""

    booking: str


metadata = sa.MetaData()

# The number of rooms of each type.
rooms = sa.Table(
    "rooms",
    metadata,
    sa.Column("type", sa.String, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)

bookings = sa.Table(
    "bookings",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("consumer", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("room_type", sa.ForeignKey("rooms.type"), nullable=False),
    sa.Column("arrival", sa.Date, nullable=False),
    sa.Column("nights", sa.Integer, nullable=False),
    sa.Column("adults", sa.Integer, nullable=False),
    sa.Column("children", sa.Integer, nullable=False),
    sa.Column("babies", sa.Integer, nullable=False),
    sa.Column("meal", sa.String, nullable=False),
    sa.Column("country", sa.String, nullable=False),
    sa.Column("segment", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("agent", sa.String, nullable=False),
    sa.Column("company", sa.String, nullable=False),
    sa.Column("lead_time", sa.Integer, nullable=False),
    sa.Column("rate", sa.Integer, nullable=False),
    sa.Index("bookings_of_consumer", "consumer", "seq"),
)
BOOKING_COLUMNS = [column for column in bookings.c if column.name not in ("seq", "consumer")]

# One row per night of each active booking. A stay fits if fewer rooms than exist are taken on each
# of its nights. Counting overlapping bookings instead would refuse stays that fit, because two of
# those bookings may use the same room one after the other.
taken = sa.Table(
    "taken",
    metadata,
    sa.Column("room_type", sa.String, primary_key=True),
    sa.Column("night", sa.Date, primary_key=True),
    sa.Column("booking", sa.ForeignKey("bookings.id"), primary_key=True),
    sqlite_with_rowid=False,
)

"""What Booking knows: its types, prices and tables.

Money is whole cents. `rate` is the price of one room for one night; a booking's total is
`rate` times its nights.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from uuid import uuid4

import sqlalchemy as sa
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from neurova import Fault, Reject

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


def departure(arrival: date, nights: int, where: str = "body") -> date:
    """Return the day after the last night; a stay beyond the calendar's end is refused."""
    try:
        return arrival + timedelta(nights)
    except OverflowError:
        fault = Fault("/arrival", "the stay must end before the year 10000", where)
        raise Reject(422, "The stay has no end", errors=[fault]) from None


class NewBooking(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask for one room; without `rate` (scope booking:rate) it costs what the type costs."""

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


class Change(Struct, kw_only=True, forbid_unknown_fields=True):
    """Change what is given; another room type without `rate` costs what that type costs."""

    room_type: RoomType | UnsetType = UNSET
    arrival: date | UnsetType = UNSET
    nights: Nights | UnsetType = UNSET
    adults: Guests | UnsetType = UNSET
    children: Guests | UnsetType = UNSET
    babies: Guests | UnsetType = UNSET
    meal: Meal | UnsetType = UNSET
    rate: Cents | UnsetType = UNSET


class Booking(Struct, kw_only=True):
    """One room of a type, taken from the night of `arrival` to the morning of `departure`."""

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
    def of(cls, new: NewBooking) -> "Booking":
        """Make a booking with an id of its own."""
        asked = structs.asdict(new)
        asked["rate"] = PRICES[new.room_type] if new.rate is None else new.rate
        return cls.read({"id": uuid4().hex, "status": "booked", **asked})

    @classmethod
    def read(cls, row: Mapping[Any, Any]) -> "Booking":
        """Make a booking of what its row holds."""
        leaves = departure(row["arrival"], row["nights"])
        return cls(**row, departure=leaves, total=row["rate"] * row["nights"])

    def changed(self, change: Change) -> "Booking":
        """Make the booking that this one becomes."""
        row = self.row()
        row |= {name: value for name, value in structs.asdict(change).items() if value is not UNSET}
        if change.rate is UNSET and row["room_type"] != self.room_type:
            row["rate"] = PRICES[row["room_type"]]
        return self.read(row)

    def row(self) -> dict[str, Any]:
        """Return what the table holds of it."""
        return {column.name: getattr(self, column.name) for column in STORED}

    def nights_taken(self) -> list[date]:
        """Return the nights in which the room is taken."""
        return [self.arrival + timedelta(day) for day in range(self.nights)]


metadata = sa.MetaData()

# One row a type: how many rooms of it the house has.
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
STORED = [column for column in bookings.c if column.name not in ("seq", "consumer")]

# One row for each night of each booking that is not cancelled. A stay fits when on none of its
# nights as many are taken as there are: counting bookings that touch the stay would refuse too
# much, for two of them may follow one another in one room.
taken = sa.Table(
    "taken",
    metadata,
    sa.Column("room_type", sa.String, primary_key=True),
    sa.Column("night", sa.Date, primary_key=True),
    sa.Column("booking", sa.ForeignKey("bookings.id"), primary_key=True),
    sqlite_with_rowid=False,
)

"""The data of a booking in requests and responses."""

from __future__ import annotations

from datetime import date

from msgspec import Struct


class Stay(Struct, frozen=True):
    """Hold the body of POST /bookings; `rate` is in cents."""

    room_type: str
    arrival: date
    nights: int
    adults: int
    children: int
    babies: int
    meal: str
    country: str
    segment: str
    channel: str
    agent: str
    company: str
    lead_time: int
    rate: int


class Booking(Struct, frozen=True):
    """A consumer and a stay. Two equal objects are still two separate bookings."""

    consumer: str
    stay: Stay


class StoredBooking(Stay, frozen=True):
    """A booking as GET /bookings returns it; `total` is in cents."""

    total: int

    def requested_by(self, consumer: str) -> Booking:
        """Return the booking that a consumer requested."""
        return Booking(consumer, Stay(*(getattr(self, name) for name in Stay.__struct_fields__)))


class CrmStay(Struct, frozen=True):
    """A stay as GET /stays returns it; `total` is in cents."""

    status: str
    arrival: date
    nights: int
    channel: str
    total: int

"""A booking as it is asked for, and as it is read back."""

from __future__ import annotations

from datetime import date

from msgspec import Struct


class Stay(Struct, frozen=True):
    """Say what a booking asks for, in the words of POST /bookings; `rate` is in cents."""

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
    """Name who books, and what. Equal ones are bookings of their own, not the same one."""

    consumer: str
    stay: Stay


class Found(Stay, frozen=True):
    """Hold what GET /bookings says of a booking; `total` is in cents."""

    total: int

    def of(self, consumer: str) -> Booking:
        """Return the booking that this was made by."""
        return Booking(consumer, Stay(*(getattr(self, name) for name in Stay.__struct_fields__)))

"""The hotel's file: its rows, and the booking that each row requests."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

from .booking import Booking, Stay

FILE = Path(__file__).with_name("hotel_rates.csv.gz")
DIRECT = "direct"
"""The consumer of bookings that have neither a company nor an agent."""
_NONE = {"", "not_applicable"}

Row = Mapping[str, str]


def rows(file: Path = FILE, only: int | None = None) -> list[Row]:
    """Return the rows of the file, or its first `only`."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        reader = csv.DictReader(text)
        return [row for _, row in zip(range(only), reader, strict=False)] if only else list(reader)


def booking(row: Row) -> Booking:
    """Return the booking of a row: its consumer is the company, else the agent, else `direct`."""
    agent, company = _name(row["agent"]), _name(row["company"])
    stay = Stay(
        room_type=row["reserved_room_type"],
        arrival=date.fromisoformat(row["arrival_date"]),
        nights=nights(row),
        adults=int(row["adults"]),
        children=int(row["children"]),
        babies=int(row["babies"]),
        meal=row["meal"],
        country=row["country"],
        segment=row["market_segment"],
        channel=row["distribution_channel"],
        agent=agent,
        company=company,
        lead_time=int(row["lead_time"]),
        rate=cents(row["avg_price_per_room"]),
    )
    return Booking(company or agent or DIRECT, stay)


def nights(row: Row) -> int:
    """Return the nights of a row's stay: weekend nights plus week nights."""
    return int(row["stays_in_weekend_nights"]) + int(row["stays_in_week_nights"])


def cents(amount: str) -> int:
    """Return an amount like `252.17` in cents. Raises ValueError for fractions of a cent."""
    value = Decimal(amount) * 100
    if value != int(value):
        raise ValueError(f"{amount} is not a whole number of cents")
    return int(value)


def _name(text: str) -> str:
    return "" if text in _NONE else text

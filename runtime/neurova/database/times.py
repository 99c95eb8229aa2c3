"""Which times a column of the database accepts."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any


def check_zone(value: Any, *, zoned: bool) -> None:
    """Raise TypeError unless a time has a zone, or has none, as its column declares."""
    if isinstance(value, datetime | time) and (value.tzinfo is not None) != zoned:
        raise TypeError(
            "a column with timezone=True stores only times with a time zone"
            if zoned
            else "a time with a time zone needs a column DateTime(timezone=True)"
        )

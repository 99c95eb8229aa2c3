"""Check whether a column accepts a time."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any


def check_zone(value: Any, *, zoned: bool) -> None:
    """Raise TypeError if a time has a zone but its column has none, or vice versa."""
    if isinstance(value, datetime | time) and (value.tzinfo is not None) != zoned:
        raise TypeError(
            "a column with timezone=True stores only times with a time zone"
            if zoned
            else "a time with a time zone needs a column DateTime(timezone=True)"
        )

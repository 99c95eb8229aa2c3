"""Periods of calendar limits: days and months in a time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

# The longest day and month, in seconds, including an hour of daylight saving time. A window of this
# length keeps all charges until the period ends.
LONGEST = {"day": 90_000, "month": 31 * 86_400 + 3600}


def period(now: float, unit: str, zone: str) -> tuple[str, int]:
    """Return the name of the "day" or "month" that contains `now`, and its end in Unix seconds."""
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "day":
        return f"{start:%Y-%m-%d}", int((start + timedelta(days=1)).timestamp())
    start = start.replace(day=1)
    return f"{start:%Y-%m}", int((start + timedelta(days=32)).replace(day=1).timestamp())

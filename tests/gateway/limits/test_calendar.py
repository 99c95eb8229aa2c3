"""Calendar limits: each day or month of a time zone is counted separately."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from neurova_gateway.limits.calendar import LONGEST, period
from neurova_gateway.limits.table import LimitTable
from neurova_gateway.plugins.rate_limit import RateLimit
from neurova_gateway.plugins.refusal import Refusal

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("moment", "unit", "zone", "name", "end"),
    [
        ("2026-11-30T23:59:59Z", "day", "UTC", "2026-11-30", "2026-12-01T00:00:00Z"),
        ("2026-11-30T22:00:00Z", "day", "Europe/Istanbul", "2026-12-01", "2026-12-01T21:00:00Z"),
        ("2026-12-31T23:00:00Z", "month", "UTC", "2026-12", "2027-01-01T00:00:00Z"),
        ("2028-02-29T12:00:00Z", "month", "UTC", "2028-02", "2028-03-01T00:00:00Z"),
        # Days of 25 and of 23 hours.
        ("2026-10-25T12:00:00Z", "day", "Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00Z"),
        ("2026-03-29T12:00:00Z", "day", "Europe/Berlin", "2026-03-29", "2026-03-29T22:00:00Z"),
    ],
)
def test_period_of_a_moment(moment: str, unit: str, zone: str, name: str, end: str) -> None:
    now = datetime.fromisoformat(moment).timestamp()
    found, ends = period(now, unit, zone)
    assert (found, ends) == (name, datetime.fromisoformat(end).timestamp())
    assert period(ends, unit, zone)[1] - ends <= LONGEST[unit]


def test_calendar_limit_ends_with_its_period(tmp_path: Path) -> None:
    now = datetime.fromisoformat("2026-11-30T20:59:00Z").timestamp()  # 23:59 in Istanbul
    table = LimitTable(tmp_path / "limits.table", clock=lambda: int(now * SECOND))
    rates = RateLimit(
        table, limit="2/calendar day, 9/hour", zone="Europe/Istanbul", clock=lambda: now
    )
    nv = {"consumer": "acme", "key_id": "key_a"}

    def call() -> bytes | tuple[int, bytes]:
        verdict = rates.decide(nv, lambda: None)
        if isinstance(verdict, Refusal):
            return verdict[0], verdict[2]["retry-after"]
        return verdict["ratelimit"]

    assert call() == b'"route-hour";r=8;t=3600, "route-calendar-day";r=1;t=60'
    assert call() == b'"route-hour";r=7;t=3600, "route-calendar-day";r=0;t=60'
    assert call() == (429, b"60")
    now += 60
    assert call() == b'"route-hour";r=6;t=3600, "route-calendar-day";r=1;t=86400'
    table.close()

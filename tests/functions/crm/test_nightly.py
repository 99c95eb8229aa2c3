"""The daily summary, written every night."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.functions.crm.conftest import CrmClient

from neurova_platform.testing.platform import TestPlatform

ISTANBUL = ZoneInfo("Europe/Istanbul")


def test_each_night_summarises_the_day_before(platform: TestPlatform) -> None:
    crm = CrmClient(platform)
    crm.customer("Ada Lovelace")
    crm.customer("Grace Hopper")
    created = datetime.now(UTC).astimezone(ISTANBUL).date()
    assert platform.run_schedules() == []
    night = datetime.combine(created + timedelta(days=1), time(3), ISTANBUL)
    platform.clock.advance(night.timestamp() - platform.clock.time())
    for day in (created, created + timedelta(days=1)):
        assert [each.outcome for each in platform.run_schedules()] == ["handled"]
        latest = crm.call("GET", "/summaries")["summaries"][0]
        new = 2 if day == created else 0
        assert latest == {"day": str(day), "customers": new, "arrivals": 0, "total": 0}
        platform.clock.advance(86_400)

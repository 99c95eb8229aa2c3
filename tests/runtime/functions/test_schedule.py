"""When schedules are due, and the options of `every` and `cron`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from neurova import cron, every
from neurova.errors import LoadError
from neurova.functions.occurrences import CronOccurrences, make_occurrences

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600.0


def following(expression: str, start: datetime, number: int) -> list[str]:
    occurrences, now, found = CronOccurrences(expression, "Europe/Berlin"), start.timestamp(), []
    for _ in range(number):
        now = occurrences.following(now) or 0.0
        found.append(datetime.fromtimestamp(now, BERLIN).strftime("%d %H:%M %z"))
    return found


@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        # 02:00 to 03:00 is skipped on March 29, and happens twice on October 25.
        ("30 2 * * *", datetime(2026, 3, 28, 12), ["29 03:00 +0200", "30 02:30 +0200"]),
        ("0,30 2 * * *", datetime(2026, 3, 28, 12), ["29 03:00 +0200", "30 02:00 +0200"]),
        ("*/30 * * * *", datetime(2026, 3, 29, 1), ["29 01:30 +0100", "29 03:00 +0200"]),
        ("30 2 * * *", datetime(2026, 10, 24, 12), ["25 02:30 +0200", "26 02:30 +0100"]),
        ("30 2 * * *", datetime(2026, 10, 25, 2, 10, fold=1), ["26 02:30 +0100"]),
        (
            "*/30 * * * *",
            datetime(2026, 10, 25, 2),
            ["25 02:30 +0200", "25 02:00 +0100", "25 02:30 +0100", "25 03:00 +0100"],
        ),
    ],
)
def test_cron_at_changes_of_the_clock(
    expression: str, start: datetime, expected: list[str]
) -> None:
    assert following(expression, start.replace(tzinfo=BERLIN), len(expected)) == expected


@pytest.mark.parametrize(
    "expression", ["30 2 * * *", "*/7 * * * *", "15,45 1-3 * * *", "0 0 1 * *", "0 3 29 2 *"]
)
@pytest.mark.parametrize("day", [datetime(2026, 3, 29), datetime(2026, 10, 25)])
def test_latest_agrees_with_following(expression: str, day: datetime) -> None:
    """`latest` and `following` yield the same occurrences from any starting time."""
    occurrences = CronOccurrences(expression, "Europe/Berlin")
    start = day.replace(tzinfo=BERLIN).timestamp()
    for minute in range(-60, 6 * 60, 5):
        now = start + 60 * minute + 1
        latest, after = occurrences.latest(now), occurrences.following(now)
        assert latest is not None
        assert after is not None
        assert latest <= now < after
        assert occurrences.following(latest - 1) == latest
        assert occurrences.following(latest) == after
        assert occurrences.latest(after) == after


def test_intervals_are_the_same_for_every_process() -> None:
    occurrences = make_occurrences(900, "", "UTC")
    assert occurrences.latest(10_000.5) == 9_900
    assert occurrences.following(10_000.5) == occurrences.following(9_900) == 10_800


@pytest.mark.parametrize(
    ("text", "seconds", "name"),
    [
        ("1 hour", 3600, "every 1 hour"),
        ("hour", 3600, "every 1 hour"),
        ("90 minutes", 5400, "every 90 minutes"),
        ("14 days", timedelta(days=14).total_seconds(), "every 2 weeks"),
    ],
)
def test_intervals(text: str, seconds: int, name: str) -> None:
    @every(text)
    async def run() -> None: ...

    description = run.__neurova__  # type: ignore[attr-defined]
    assert (description.seconds, str(description)) == (seconds, name)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: every("soon"), "'soon' is not an interval"),
        (lambda: every("0 hours"), "not an interval"),
        (lambda: every("9 years"), "not an interval"),
        (lambda: every("1 hour", retries=-1), "retries"),
        (lambda: every("1 hour", retry=1), "did you mean 'retries'"),
        (lambda: cron("0 3 * *"), "does not have five fields"),
        (lambda: cron("0 0 3 * * *"), "does not have five fields"),
        (lambda: cron("0 30 * * *"), "not valid: bad hour"),
        (lambda: cron("0 3 31 2 *"), "not valid: bad day-of-month"),
        (lambda: cron("0 3 * * *", zone="Mars/Base"), "is not a time zone"),
        (lambda: cron("0 3 * * *", zone="../etc/passwd"), "is not a time zone"),
    ],
)
def test_invalid_schedules_are_refused(declare: Any, message: str) -> None:
    with pytest.raises(LoadError, match=message):
        declare()

"""The times at which a schedule is due, in Unix seconds; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from ..errors import LoadError

_DAY = 86_400.0
# `CronOccurrences.latest` searches the last minute first and then longer spans, so that frequent
# schedules take few iterations. cronsim searches at most 50 years.
_WINDOWS = (60.0, 3600.0, _DAY, 7 * _DAY, 31 * _DAY, 366 * _DAY, 50 * 366 * _DAY)


class Occurrences(Protocol):
    """The times at which a schedule is due."""

    def latest(self, now: float) -> float | None:
        """Return the latest occurrence at or before `now`."""
        ...

    def following(self, now: float) -> float | None:
        """Return the first occurrence after `now`."""
        ...


class IntervalOccurrences:
    """Occurrences at the multiples of an interval since 1970, the same in all processes."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds

    def latest(self, now: float) -> float | None:
        """Return the latest occurrence at or before `now`."""
        return now // self._seconds * self._seconds

    def following(self, now: float) -> float | None:
        """Return the first occurrence after `now`."""
        return (now // self._seconds + 1) * self._seconds


class CronOccurrences:
    """The times of a cron expression in a time zone."""

    def __init__(self, expression: str, zone: str) -> None:
        self._expression = expression
        self._zone = ZoneInfo(zone)

    def latest(self, now: float) -> float | None:
        """Return the latest occurrence at or before `now`."""
        for window in _WINDOWS:
            found = None
            for found_now in self._after(now - window):
                if found_now > now:
                    break
                found = found_now
            if found is not None:
                return found
        return None

    def following(self, now: float) -> float | None:
        """Return the first occurrence after `now`."""
        return next(self._after(now), None)

    def _after(self, start: float) -> Iterator[float]:
        """Yield the occurrences after `start`.

        cronsim yields some times twice when clocks change: skip times that are not later.
        """
        last = start
        for moment in CronSim(self._expression, datetime.fromtimestamp(start, self._zone)):
            occurrence = moment.timestamp()
            if occurrence > last:
                last = occurrence
                yield occurrence


def make_occurrences(seconds: int, expression: str, zone: str) -> Occurrences:
    """Return the occurrences of a cron expression or, without one, of an interval."""
    return CronOccurrences(expression, zone) if expression else IntervalOccurrences(seconds)


def check_cron(expression: str, zone: str) -> None:
    """Raise LoadError for an invalid cron expression or time zone."""
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a LookupError
        raise LoadError(
            f"zone={zone!r} is not a time zone", fix='write its IANA name, like "Europe/Istanbul"'
        ) from None
    fix = 'write five fields (minute hour day month weekday), like "0 3 * * *"'
    if len(expression.split()) != 5:
        raise LoadError(f"cron expression {expression!r} does not have five fields", fix=fix)
    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        what = str(error)
        raise LoadError(
            f"cron expression {expression!r} is not valid: {what[:1].lower()}{what[1:]}", fix=fix
        ) from None

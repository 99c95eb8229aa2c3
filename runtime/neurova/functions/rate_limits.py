"""Parse rate limits: "60/minute", "10/second, 1000/day", "90000/calendar month"."""

from __future__ import annotations

import re

import msgspec

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "month": 30 * 86_400}
CALENDAR = ("day", "month")
_CALENDAR = re.compile(rf"\s*(\d{{1,12}})\s*/\s*calendar[ -]({'|'.join(CALENDAR)})\s*")
_WINDOW = re.compile(r"\s*(\d{1,12})\s*/\s*(?:(\d{1,6})\s*)?(second|minute|hour|day|month)s?\s*")


class Window(msgspec.Struct, frozen=True):
    """Allow `limit` units of cost in any span of `seconds`, or in each `calendar` day or month."""

    limit: int
    seconds: int
    calendar: str = ""

    def __str__(self) -> str:
        if self.calendar:
            return f"{self.limit}/calendar {self.calendar}"
        for unit, seconds in reversed(UNITS.items()):
            count, rest = divmod(self.seconds, seconds)
            if not rest:
                return f"{self.limit}/{unit}" if count == 1 else f"{self.limit}/{count} {unit}s"
        raise AssertionError("unreachable: every window is a multiple of one second")


def parse_limit(text: str) -> tuple[Window, ...]:
    """Return the windows of a limit, shortest first; a month is 30 days. Raises ValueError."""
    windows = []
    for part in text.split(","):
        in_calendar = _CALENDAR.fullmatch(part)
        if in_calendar and int(in_calendar[1]):
            unit = in_calendar[2]
            windows.append(Window(int(in_calendar[1]), UNITS[unit], unit))
            continue
        match = _WINDOW.fullmatch(part)
        if match is None or int(match[1]) < 1 or (match[2] is not None and int(match[2]) < 1):
            raise ValueError(
                f'{part.strip()!r} is not a limit: write "60/minute" or "10/second, 1000/day" '
                f"(units: {', '.join(UNITS)}, calendar day, calendar month)"
            )
        windows.append(Window(int(match[1]), int(match[2] or 1) * UNITS[match[3]]))
    return tuple(sorted(windows, key=lambda window: window.seconds))

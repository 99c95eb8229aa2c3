"""The description of a schedule, and its decorators `every` and `cron`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, TypedDict, TypeVar, Unpack

import msgspec

from ..errors import LoadError
from .decorators import attach
from .descriptions import describe

Handler = TypeVar("Handler", bound=Callable[..., Any])

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_INTERVAL = re.compile(r"(?:(\d{1,9}) )?(second|minute|hour|day|week)s?")
_LONGEST_INTERVAL = 366 * 86_400


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The times at which a function runs, and how its failures are retried.

    Either `seconds` (an interval) or `expression` (a cron expression) is set. `zone` is an IANA
    time zone. `backoff` is in seconds and doubles with each retry.
    """

    seconds: int = 0
    expression: str = ""
    zone: str = "UTC"
    catch_up: bool = True
    retries: Annotated[int, msgspec.Meta(ge=0, le=100)] = 10
    backoff: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 1.0
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30.0

    def __str__(self) -> str:
        if self.expression:
            return f"cron {self.expression} {self.zone}"
        for unit, seconds in reversed(_UNITS.items()):
            count, rest = divmod(self.seconds, seconds)
            if not rest:
                return f"every {count} {unit}{'s' if count > 1 else ''}"
        raise AssertionError("unreachable: every interval is a multiple of one second")


class ScheduleOptions(TypedDict, total=False):
    """The options of `every` and `cron`."""

    catch_up: bool
    retries: int
    backoff: float
    timeout: float


def every(interval: str, **options: Unpack[ScheduleOptions]) -> Callable[[Handler], Handler]:
    """Run the function at each multiple of `interval` since 1970, like "1 hour" or "15 minutes".

    The function itself is returned unchanged. With `catch_up`, the latest occurrence runs late if
    no process was running at its time. A failed run is repeated up to `retries` times, first after
    `backoff` seconds. `timeout` limits one run, in seconds. Raises LoadError for an invalid option.
    """
    match = _INTERVAL.fullmatch(interval) if isinstance(interval, str) else None
    seconds = int(match[1] or 1) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST_INTERVAL:
        raise LoadError(
            f"{interval!r} is not an interval",
            fix=f'write "15 minutes" or "1 hour" (units: {", ".join(_UNITS)}), up to 366 days',
        )
    return attach(describe(Schedule, {**options, "seconds": seconds}))


def cron(
    expression: str, *, zone: str = "UTC", **options: Unpack[ScheduleOptions]
) -> Callable[[Handler], Handler]:
    """Run the function at the times of a cron expression, like "0 3 * * *", in a time zone.

    The five fields are minute, hour, day, month and weekday; `zone` is an IANA name. See `every`
    for the other options. Raises LoadError for an invalid expression or option.
    """
    from .occurrences import check_cron  # cronsim is imported only for schedules

    description = describe(Schedule, {**options, "expression": expression, "zone": zone})
    check_cron(description.expression, description.zone)
    return attach(description)

"""Convert a schedule to an expression of EventBridge Scheduler, without I/O.

The function checks in its database whether a run is due, so EventBridge may invoke it more often
than scheduled, but never less often. The expression therefore matches at least all times of the
schedule: "every 7 minutes", which counts from 1970, becomes every minute.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from math import gcd
from typing import NamedTuple

from cronsim import CronSim

from neurova.errors import ConfigError
from neurova.functions.schedule import Schedule

MAX_LENGTH = 256
"""The maximum number of characters of an expression."""
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class ScheduleExpression(NamedTuple):
    """`ScheduleExpression` and `ScheduleExpressionTimezone` of EventBridge Scheduler."""

    expression: str
    zone: str


def schedule_expression(schedule: Schedule) -> ScheduleExpression:
    """Return an expression that matches all times of a schedule.

    Raises ConfigError if EventBridge cannot express it.
    """
    if schedule.expression:
        fields = _cron_fields(schedule.expression)
    elif schedule.seconds % 60:
        fix = "use an interval of whole minutes"
        raise ConfigError(f"EventBridge cannot start a function {schedule}", fix=fix)
    else:
        fields = _interval_fields(schedule.seconds // 60)
    expression = f"cron({fields} *)"
    if len(expression) > MAX_LENGTH:
        what = f"{schedule}: EventBridge takes at most {MAX_LENGTH} characters"
        raise ConfigError(what, fix="write a shorter list of times, or two functions")
    return ScheduleExpression(expression, schedule.zone)


def _interval_fields(minutes: int) -> str:
    """Return cron fields with the longest step that matches all multiples of `minutes`."""
    hours, days = minutes // 60, minutes // 1440
    if minutes % 60:
        return f"{_step(gcd(minutes, 60))} * * * ?"
    if hours % 24:
        return f"0 {_step(gcd(hours, 24))} * * ?"
    return "0 0 * * ?" if days % 7 else "0 0 ? * THU"  # 1970 began on a Thursday


def _cron_fields(expression: str) -> str:
    cron = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    minutes, hours = _field(cron.minutes, range(60)), _field(cron.hours, range(24))
    months = _field(cron.months, range(1, 13))
    # A negative number is cronsim's last day or last weekday of a month. The days below cannot
    # express it, so match every day.
    days = "*" if min(cron.days) < 0 else _field(cron.days, range(1, 32))
    weekdays = {(each[0] if isinstance(each, tuple) else each) % 7 for each in cron.weekdays}
    if len(weekdays) == len(_WEEKDAYS):
        return f"{minutes} {hours} {days} {months} ?"
    if cron.days != set(range(1, 32)):  # EventBridge accepts only one of these fields
        return f"{minutes} {hours} * {months} ?"
    names = ",".join(_WEEKDAYS[each] for each in sorted(weekdays))
    return f"{minutes} {hours} ? {months} {names}"


def _field(values: Collection[int], possible: Sequence[int]) -> str:
    """Return values as "*", a step, a range or a list."""
    found = sorted(values)
    if len(found) == len(possible):
        return "*"
    step = found[1] - found[0] if len(found) > 2 else 0
    if step > 1 and found == list(range(found[0], possible[-1] + 1, step)):
        return f"{found[0]}/{step}"
    if step and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]}-{found[-1]}"
    return ",".join(map(str, found))


def _step(step: int) -> str:
    return "*" if step == 1 else f"0/{step}"

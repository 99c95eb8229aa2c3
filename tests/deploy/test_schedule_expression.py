"""Schedules translated to EventBridge Scheduler expressions."""

from __future__ import annotations

import pytest

from neurova.errors import ConfigError
from neurova.functions.decorators import description_of
from neurova.functions.schedule import Schedule, cron, every
from neurova_deploy.targets.aws_lambda.schedule_expression import schedule_expression


def schedule(decorate: object) -> Schedule:
    @decorate  # type: ignore[operator]  # of `every` or `cron`
    async def run() -> None: ...

    description = description_of(run)
    assert isinstance(description, Schedule)
    return description


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("minute", "* * * * ? *"),
        ("5 minutes", "0/5 * * * ? *"),
        ("7 minutes", "* * * * ? *"),
        ("90 minutes", "0/30 * * * ? *"),
        ("hour", "0 * * * ? *"),
        ("36 hours", "0 0/12 * * ? *"),
        ("2 days", "0 0 * * ? *"),
        ("2 weeks", "0 0 ? * THU *"),
    ],
)
def test_interval_becomes_the_longest_step_with_its_times(interval: str, expected: str) -> None:
    assert schedule_expression(schedule(every(interval))) == (f"cron({expected})", "UTC")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 3 * * *", "0 3 * * ? *"),
        ("*/15 8-18 * * 1-5", "0/15 8-18 ? * MON,TUE,WED,THU,FRI *"),
        ("5-59/20 */7 * * *", "5/20 0/7 * * ? *"),
        ("0 0,12 1,15 JAN-MAR *", "0 0,12 1,15 1-3 ? *"),
        ("0 9 * * 0,7", "0 9 ? * SUN *"),
        ("0 9 * * MON#2", "0 9 ? * MON *"),
        ("0 9 * * 5L", "0 9 ? * FRI *"),
        ("0 9 L * *", "0 9 * * ? *"),
        ("0 9 1 * MON", "0 9 * * ? *"),
    ],
)
def test_cron_becomes_an_expression_with_its_times(expression: str, expected: str) -> None:
    found = schedule_expression(schedule(cron(expression, zone="Europe/Istanbul")))
    assert found == (f"cron({expected})", "Europe/Istanbul")


def test_schedule_that_eventbridge_cannot_express_is_refused() -> None:
    with pytest.raises(ConfigError, match="every 30 seconds"):
        schedule_expression(schedule(every("30 seconds")))
    minutes, hours, days = (_without_multiples(end, 5) for end in (60, 24, 32))
    with pytest.raises(ConfigError, match="at most 256 characters"):
        schedule_expression(schedule(cron(f"{minutes} {hours} {days} * *")))


def _without_multiples(end: int, of: int) -> str:
    return ",".join(str(number) for number in range(end) if number % of)

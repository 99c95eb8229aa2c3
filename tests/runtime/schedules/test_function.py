"""The parameters of a schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from neurova import Deadline, Log, Tx, cron
from neurova.errors import BindError
from neurova.resources import Resources
from neurova.schedules.function import ScheduledFunction
from neurova.subscriptions.background import Definition

nightly = cron("0 3 * * *", zone="Europe/Istanbul")


def bind(handler: Any) -> ScheduledFunction:
    return ScheduledFunction(Definition(handler, handler.__neurova__, "shop", "x.py", Resources()))


async def test_a_plain_function_gets_the_scheduled_time_in_its_zone() -> None:
    given: dict[str, Any] = {}

    @nightly
    def run(scheduled: datetime, log: Log, deadline: Deadline) -> None:
        given["scheduled"] = scheduled

    night = datetime(2026, 3, 2, tzinfo=UTC)
    await bind(run).call(night.timestamp(), 10.0, None)
    assert given["scheduled"].isoformat() == "2026-03-02T03:00:00+03:00"


def _two_times(first: datetime, second: datetime) -> None: ...
def _plain_with_tx(tx: Tx) -> None: ...
def _unknown(room: str) -> None: ...
def _many(*times: datetime) -> None: ...


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (_two_times, "two parameters for the datetime"),
        (_plain_with_tx, "a plain `def` cannot use a Tx"),
        (_unknown, "parameter 'room' cannot be bound"),
        (_many, "parameter 'times' cannot be bound"),
    ],
)
def test_signatures_that_cannot_be_bound(handler: Any, message: str) -> None:
    with pytest.raises(BindError, match=message):
        bind(nightly(handler))

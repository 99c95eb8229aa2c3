"""On every database, one of several processes runs each due schedule, despite failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from tests.contracts.databases import Pair, begin, sales

from neurova import Tx, cron, every
from neurova.database.base import Database
from neurova.http.problem import Reject
from neurova.resources import Resources
from neurova.schedules.function import ScheduledFunction
from neurova.schedules.runner import ScheduleRunner
from neurova.subscriptions.background import Definition
from neurova.subscriptions.records import EventRecord

DAY = 86_400.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
NIGHT = datetime(2026, 3, 2, 3, tzinfo=UTC).timestamp()
nightly = cron("0 3 * * *", retries=2)


class Cluster:
    """Two processes with one store and one clock; their `runners` run the schedule shop.nightly."""

    def __init__(self, databases: Pair) -> None:
        self.databases = databases
        self.now = NOON
        self.records: list[EventRecord] = []
        self.runners: list[ScheduleRunner] = []

    async def deploy(self, handler: Callable[..., Any]) -> None:
        """Start both processes with a handler, which registers the schedule."""
        self.runners = [self._runner(handler, each) for each in self.databases]
        await self.at(self.now)

    def _runner(self, handler: Callable[..., Any], database: Database) -> ScheduleRunner:
        definition = Definition(
            handler,
            handler.__neurova__,  # type: ignore[attr-defined]
            "shop",
            "shop/x.py",
            Resources(database=lambda: database),
        )
        return ScheduleRunner(ScheduledFunction(definition), self.records.append, lambda: self.now)

    async def at(self, now: float) -> list[str]:
        """Set the clock and let both processes check once; return the outcomes of their runs."""
        self.now = now
        before = len(self.records)
        await asyncio.gather(*(each.run_due() for each in self.runners))
        return [each.outcome for each in self.records[before:]]

    async def times(self) -> list[str]:
        """Return the scheduled times of the committed runs."""
        tx = begin(self.databases[0], readonly=True)
        try:
            rows = await tx.execute(select(sales.c.buyer).order_by(sales.c.id))
            return [row[0] for row in rows]
        finally:
            await tx.rollback()


@pytest.fixture
def cluster(databases: Pair) -> Cluster:
    return Cluster(databases)


def handler(
    decorate: Callable[..., Any] = nightly,
    behave: Callable[[], Awaitable[None]] | None = None,
) -> Callable[..., Any]:
    """Return a schedule that records its scheduled time, then calls `behave`."""

    async def run(scheduled: datetime, tx: Tx) -> None:
        await tx.execute(sales.insert(), {"buyer": scheduled.isoformat()})
        if behave is not None:
            await behave()

    run.__name__ = "nightly"
    return decorate(run)  # type: ignore[no-any-return]


async def test_each_occurrence_runs_once_in_two_processes(cluster: Cluster) -> None:
    await cluster.deploy(handler())
    for night in range(20):
        assert await cluster.at(NIGHT + night * DAY) == ["handled"]
        assert await cluster.at(NIGHT + night * DAY + 1) == []
    found = await cluster.times()
    assert len(found) == len(set(found)) == 20
    assert found[0] == "2026-03-02T03:00:00+00:00"


async def test_failed_runs_are_repeated_then_given_up(cluster: Cluster) -> None:
    """The retry count is shared by all processes; a failed run's writes are rolled back."""
    faults: list[Exception | None] = [ValueError("no"), None, *[ValueError("no")] * 3, None]

    async def behave() -> None:
        fault = faults.pop(0)
        if fault is not None:
            raise fault

    await cluster.deploy(handler(behave=behave))
    assert await cluster.at(NIGHT) == ["retry"]
    assert await cluster.at(NIGHT + 0.1) == []  # the retry waits for its backoff
    assert await cluster.at(NIGHT + 60) == ["handled"]
    second = NIGHT + DAY
    outcomes = [await cluster.at(second + 60 * minute) for minute in range(4)]
    assert outcomes == [["retry"], ["retry"], ["dead"], []]
    assert await cluster.at(second + DAY) == ["handled"]
    assert [time[:10] for time in await cluster.times()] == ["2026-03-02", "2026-03-04"]
    attempts = [each.attempt for each in cluster.records]
    assert attempts == [1, 2, 1, 2, 3, 1]
    assert "ValueError: no" in cluster.records[0].cause


async def test_reject_is_not_repeated(cluster: Cluster) -> None:
    async def behave() -> None:
        raise Reject(409, "nothing to do")

    await cluster.deploy(handler(behave=behave))
    assert await cluster.at(NIGHT) == ["dead"]
    assert await cluster.at(NIGHT + 3600) == []


@pytest.mark.parametrize(
    ("catch_up", "late", "expected"),
    [
        (True, 9 * 3600, ["handled"]),
        (True, 5 * DAY + 3600, ["handled"]),
        (False, 30, ["handled"]),
        (False, 9 * 3600, []),
    ],
)
async def test_missed_occurrences(
    cluster: Cluster, catch_up: bool, late: float, expected: list[str]
) -> None:
    """Catching up runs at most the latest missed occurrence."""
    await cluster.deploy(handler(cron("0 3 * * *", catch_up=catch_up)))
    assert await cluster.at(NIGHT + late) == expected
    assert await cluster.at(NIGHT + late + 1) == []
    assert len(await cluster.times()) == len(expected)
    next_night = NIGHT + (late // DAY + 1) * DAY
    assert await cluster.at(next_night) == ["handled"]


async def test_changed_schedule_starts_anew(cluster: Cluster) -> None:
    """Occurrences of the new schedule before the change are not caught up."""
    await cluster.deploy(handler())
    assert await cluster.at(NIGHT) == ["handled"]
    cluster.now = NIGHT + 7 * 3600  # 10:00
    await cluster.deploy(handler(cron("0 9 * * *")))
    assert await cluster.at(cluster.now + 60) == []
    assert await cluster.at(NIGHT + DAY + 6 * 3600) == ["handled"]
    cluster.now += 60  # restart with the same schedule
    await cluster.deploy(handler(cron("0 9 * * *")))
    assert await cluster.at(NIGHT + 2 * DAY + 6 * 3600) == ["handled"]


@pytest.mark.parametrize(
    ("moved_to", "expected"),
    [
        pytest.param(NIGHT - 3600, [[], ["handled"]], id="back"),
        pytest.param(NIGHT + 400 * DAY + 60, [["handled"], []], id="far ahead and back"),
    ],
)
async def test_clock_jumps_repeat_no_run(
    cluster: Cluster, moved_to: float, expected: list[list[str]]
) -> None:
    await cluster.deploy(handler())
    assert await cluster.at(NIGHT) == ["handled"]
    assert [await cluster.at(moved_to), await cluster.at(NIGHT + DAY)] == expected
    await cluster.at(NIGHT + DAY + 60)
    assert await cluster.at(NIGHT + 2 * DAY) == ["handled"]
    found = await cluster.times()
    assert len(found) == len(set(found))


async def test_run_that_is_stopped_is_repeated_by_another_process(cluster: Cluster) -> None:
    """`stop` cancels the run after the drain time and rolls back its writes."""
    started, calls = asyncio.Event(), 0

    async def behave() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            started.set()
            await asyncio.Event().wait()

    await cluster.deploy(handler(behave=behave))
    cluster.now = NIGHT
    first, second = cluster.runners
    first.start()
    await started.wait()
    await first.stop(0.0)
    assert await cluster.times() == []
    assert await second.run_due()
    assert len(await cluster.times()) == 1


async def test_without_tx_an_interrupted_run_is_repeated(cluster: Cluster) -> None:
    """The run is recorded only after it ends, so it is executed at least once."""
    started, calls = asyncio.Event(), 0

    @every("1 day")
    async def sweep() -> None:
        nonlocal calls
        calls += 1
        started.set()
        await asyncio.sleep(0)
        if calls == 1:
            await asyncio.Event().wait()

    await cluster.deploy(sweep)
    cluster.now = NIGHT + DAY
    first, second = cluster.runners
    run = asyncio.create_task(first.run_due())
    await started.wait()
    run.cancel()
    await asyncio.wait([run])
    assert await second.run_due()
    assert not await second.run_due()
    assert calls == 2

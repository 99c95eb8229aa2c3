"""With duplicates, disorder and kills, all stores return the sums of the file's bookings."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from examples.replay import hotel
from examples.replay.figures import Report, entry_of_row
from functions.booking.domain import BookingCreated
from tests.contracts.warehouses import LIMITS, open_clickhouse
from tests.serving import Serving, neurova, serving

from neurova.bus.base import Message, Queue
from neurova.bus.sqlite.bus import SqliteBus
from neurova.events.codec import codec_of, with_head
from neurova.schemas.base import subject_of
from neurova.schemas.sqlite import SqliteRegistry
from neurova.warehouse import reports
from neurova.warehouse.base import Warehouse
from neurova.warehouse.clickhouse import ClickHouseWarehouse
from neurova.warehouse.duckdb import DuckDBWarehouse
from neurova.warehouse.sink import Policy, Sink

KILLS = 5
IS_LONG = "NEUROVA_TEST_LONG" in os.environ
QUEUE = "neurova.warehouse"
ROOT = Path(__file__).parents[3]
CODEC = codec_of(BookingCreated)


def messages(schema: int = 1, step: int = 1) -> list[Message]:
    """Return an event for every `step`-th row, published at the time of the booking."""
    found = []
    for number, row in enumerate(islice(hotel.rows(), None, None, step)):
        booking = hotel.booking(row)
        stay = booking.stay
        event = BookingCreated(
            booking=f"b{number}",
            consumer=booking.consumer,
            channel=stay.channel,  # type: ignore[arg-type]  # the file has the same names
            room_type=stay.room_type,  # type: ignore[arg-type]
            arrival=stay.arrival,
            nights=stay.nights,
            total=stay.rate * stay.nights,
            guest_email=f"guest{number % 500}@example.org",
            lead_time=stay.lead_time,
        )
        made = datetime.combine(stay.arrival - timedelta(stay.lead_time), clock(12), UTC)
        body = with_head(schema, CODEC.encode(event).body)
        found.append(Message(f"e{number}", CODEC.name, body, made.timestamp() + number / 1000))
    return found


def disordered(found: list[Message]) -> list[Message]:
    """Return the messages in random order, with every fifth of them twice."""
    chance = random.Random(7)
    mixed = found + chance.sample(found, len(found) // 5)
    chance.shuffle(mixed)
    return mixed


def assert_equals_file(warehouse: Warehouse, step: int = 1) -> None:
    """Compare count, nights and revenue to the cent: in total, by month, and by channel."""
    file = Report.of(map(entry_of_row, islice(hotel.rows(), None, None, step)))
    select = "count(*), sum(nights), sum(total) FROM booking_BookingCreated"
    ((count, nights, total),) = warehouse.query(f"SELECT {select}", {}, LIMITS).rows
    assert (count, nights) == (file.total.bookings, file.total.nights)
    assert Decimal(total).scaleb(-2) == file.total.revenue
    month = "CAST(date_trunc('month', arrival) AS DATE)"
    for key, table in ((month, file.months), ("channel", file.channels)):
        rows = warehouse.query(f"SELECT {key} AS k, {select} GROUP BY k", {}, LIMITS).rows
        assert {
            str(key)[:7] if table is file.months else key: (count, nights, total)
            for key, count, nights, total in rows
        } == {
            key: (each.bookings, each.nights, int(each.revenue * 100))
            for key, each in table.items()
        }


def store(warehouse: Warehouse) -> Warehouse:
    """Store the disordered events in batches, in the tables of all Booking events."""
    sink = Sink(warehouse, Policy("hash", b"k" * 32), lambda id: CODEC.schema)
    from functions.booking.domain import BookingCancelled, BookingChanged

    for event in (BookingChanged, BookingCancelled):
        sink.prepare(codec_of(event).name, codec_of(event).schema)
    mixed = disordered(messages())
    for start in range(0, len(mixed), 3000):
        assert sink.store(mixed[start : start + 3000]) == []
    return warehouse


@pytest.mark.server
def test_reports_of_both_backends_are_equal(tmp_path: Path, clickhouse_server: str) -> None:
    answers: dict[str, dict[str, Any]] = {}
    for dialect in ("duckdb", "clickhouse"):
        warehouse: Warehouse = (
            DuckDBWarehouse(tmp_path / "warehouse.duckdb", tmp_path / "archive")
            if dialect == "duckdb"
            else open_clickhouse(clickhouse_server)
        )
        store(warehouse)
        assert_equals_file(warehouse)
        for name in ("revenue", "channels", "lead_time", "occupancy"):
            report = reports.load(ROOT / "reports", name, dialect)
            found = warehouse.query(report.sql, report.bind({}), LIMITS)
            rows = [[_rounded(cell) for cell in row] for row in found.rows]
            answers.setdefault(name, {})[dialect] = (found.columns, rows)
        warehouse.close()
    for name, by_dialect in answers.items():
        assert by_dialect["duckdb"] == by_dialect["clickhouse"], name
        assert by_dialect["duckdb"][1], name


def _rounded(cell: Any) -> Any:
    return round(float(cell), 6) if isinstance(cell, float | Decimal) else cell


@pytest.mark.server
@pytest.mark.parametrize("backend", ["duckdb", "clickhouse"])
async def test_killed_writer_loses_and_counts_nothing_twice(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Use every tenth booking, or all of them with NEUROVA_TEST_LONG."""
    step = 1 if IS_LONG else 10
    url = ""
    if backend == "clickhouse":
        opened = open_clickhouse(request.getfixturevalue("clickhouse_server"))
        assert isinstance(opened, ClickHouseWarehouse)
        url = opened._url
        opened.close()
    shutil.copytree(ROOT / "functions", tmp_path / "functions")
    (tmp_path / "neurova.toml").write_text(f'[warehouse]\nenabled = true\nurl = "{url}"\n')
    await asyncio.to_thread(neurova, tmp_path, "db", "upgrade")
    state = tmp_path / ".neurova"
    registry = SqliteRegistry(state / "registry.db", "BACKWARD")
    schema = registry.register(subject_of(CODEC.name), CODEC.schema)
    mixed = disordered(messages(schema, step))
    bus = SqliteBus(state / "bus.db")
    await bus.start()
    deadline = asyncio.get_running_loop().time() + 600
    await bus.declare([Queue(QUEUE, (CODEC.name,))], deadline)

    async def wait_for(condition: Callable[[int, int], bool]) -> None:
        while True:
            depth = await bus.depth(QUEUE)
            if condition(depth.ready + depth.delayed, depth.delivered):
                return
            await asyncio.sleep(0.005)

    async def started(served: Serving) -> int:
        while True:
            event = await asyncio.to_thread(served.event, "worker")
            if (event["name"], event["what"]) == ("warehouse", "started"):
                return int(event["pid"])

    share = len(mixed) // (KILLS + 1) + 1
    with serving(tmp_path, "run", "warehouse") as served:
        for number in range(KILLS + 1):
            pid = await started(served)
            await bus.publish(mixed[number * share : (number + 1) * share], deadline)
            if number < KILLS:
                await wait_for(lambda ready, delivered: delivered > 0)
                os.kill(pid, signal.SIGKILL)
        await wait_for(lambda ready, delivered: ready + delivered == 0)
        assert (await bus.depth(QUEUE)).dead == 0
    await bus.close()
    registry.close()
    warehouse: Warehouse = (
        ClickHouseWarehouse(url)
        if url
        else DuckDBWarehouse(state / "warehouse" / "warehouse.duckdb", tmp_path, readonly=True)
    )
    assert_equals_file(warehouse, step)
    warehouse.close()

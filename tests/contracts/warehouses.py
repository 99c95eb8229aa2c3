"""The backends of the warehouse, and the events that tests store in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any

import pytest
from msgspec import Meta

from neurova import Event
from neurova.bus.base import Message
from neurova.events.codec import codec_of, with_head
from neurova.warehouse.base import Limits, Warehouse
from neurova.warehouse.sink import Action, Policy, Sink

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
TABLE = "shop_Sold"
LIMITS = Limits(seconds=20)
Personal = Annotated[str, Meta(extra={"pii": True})]


class Sold(Event, source="shop"):
    """The first version of the event."""

    item: str
    total: int
    customer: Personal = ""


class Widened(Event, source="shop"):
    """A later version that adds one field and changes the type of another."""

    item: str
    total: float
    customer: Personal = ""
    currency: str = "EUR"


class Narrowed(Event, source="shop"):
    """A version that drops one field and whose number is a text."""

    total: str


class Everything(Event, source="shop"):
    """A field of each type."""

    flag: bool
    ratio: float
    price: Decimal
    moment: datetime
    day: date
    maybe: int | None
    tags: list[str]
    raw: bytes


EVENTS = (Sold, Widened, Narrowed, Everything)


def duckdb(tmp_path: Path, request: pytest.FixtureRequest) -> Warehouse:
    from neurova.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(tmp_path / "warehouse.duckdb", tmp_path / "archive")


def clickhouse(tmp_path: Path, request: pytest.FixtureRequest) -> Warehouse:
    return open_clickhouse(request.getfixturevalue("clickhouse_server"))


def open_clickhouse(server: str) -> Warehouse:
    """Return a warehouse in a new database."""
    from neurova.warehouse.clickhouse import ClickHouseWarehouse

    name = f"nv_{token_hex(6)}"
    ClickHouseWarehouse(f"{server}/default")._connected().command(f"CREATE DATABASE {name}")
    return ClickHouseWarehouse(f"{server}/{name}")


BACKENDS: dict[str, Callable[[Path, pytest.FixtureRequest], Warehouse]] = {
    "duckdb": duckdb,
    "clickhouse": clickhouse,
}
PARAMETERS = ["duckdb", pytest.param("clickhouse", marks=pytest.mark.server)]


def make_sink(warehouse: Warehouse, action: Action = "hash") -> Sink:
    schemas = {number: codec_of(each).schema for number, each in enumerate(EVENTS, 1)}
    return Sink(warehouse, Policy(action, b"k" * 32), schemas.__getitem__)


def message(id: str, event: Event, time: float = DAY, name: str = "shop.Sold") -> Message:
    number = EVENTS.index(type(event)) + 1
    body = with_head(number, codec_of(type(event)).encode(event).body)
    return Message(id, name, body, time, "ab" * 16)


def sold(ids: Iterable[int], time: float = DAY, customer: str = "") -> list[Message]:
    return [message(f"e{id}", Sold(f"item{id}", id, customer), time) for id in ids]


def ask(warehouse: Warehouse, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in warehouse.query(sql, parameters, LIMITS).rows]

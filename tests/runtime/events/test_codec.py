"""Events as Avro: round trips, schema evolution and refusals."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurova import Event
from neurova.errors import LoadError
from neurova.events.avro_schema import avro_schema
from neurova.events.codec import (
    MAX_SIZE,
    Encoded,
    EventCodec,
    InvalidEvent,
    UndecodableEvent,
    with_head,
)
from neurova.events.event import event_name


class Channel(Enum):
    WEB = "web"
    PHONE = "phone"


class Guest(msgspec.Struct):
    name: str
    age: int = 0


class Made(Event, source="hotel"):
    """An event for tests."""

    text: str
    number: int
    ratio: float
    flag: bool
    data: bytes
    day: date
    clock: time
    at: datetime
    money: Decimal
    id: UUID
    channel: Channel
    kind: Literal["x", "y"]
    guest: Guest
    guests: list[Guest]
    rooms: dict[str, int]
    note: str | None = None
    tags: tuple[str, ...] = ()
    rank: Annotated[int, msgspec.Meta(ge=0)] = 3


MOMENTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1))
MONEY = st.decimals(
    allow_nan=False, allow_infinity=False, places=9, min_value=-(10**28), max_value=10**28
)
GUESTS = st.builds(Guest, st.text(), st.integers(0, 150))
EVENTS = st.builds(
    Made,
    text=st.text(),
    number=st.integers(-(2**63), 2**63 - 1),
    ratio=st.floats(allow_nan=False),
    flag=st.booleans(),
    data=st.binary(),
    day=st.dates(),
    clock=st.times(),
    at=MOMENTS,
    money=MONEY,
    id=st.uuids(),
    channel=st.sampled_from(Channel),
    kind=st.sampled_from(["x", "y"]),
    guest=GUESTS,
    guests=st.lists(GUESTS, max_size=3),
    rooms=st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1), max_size=3),
    note=st.none() | st.text(),
    tags=st.lists(st.text(), max_size=3).map(tuple),
)


def find(*encoded: Encoded) -> Any:
    """Return a function that finds the schema of each encoded event."""
    known = {number: each.schema for number, each in enumerate(encoded)}

    def find_schema(id: int) -> str:
        if id not in known:
            raise UndecodableEvent("unknown")
        return known[id]

    return find_schema


def codec(name: str, **fields: Any) -> EventCodec[Any]:
    """Return the codec of event class `hotel.<name>`; a field is a type or (type, default)."""
    annotations = {
        key: each[0] if isinstance(each, tuple) else each for key, each in fields.items()
    }
    defaults = {key: each[1] for key, each in fields.items() if isinstance(each, tuple)}
    namespace = {"__annotations__": annotations, "__module__": "functions.hotel~1.domain"}
    return EventCodec(type(Event)(name, (Event,), {**namespace, **defaults}))


@given(EVENTS)
def test_event_survives_the_wire(event: Made) -> None:
    made = EventCodec(Made)
    encoded = made.encode(event)
    assert made.decode(with_head(0, encoded.body), find(encoded)) == event


def test_name_is_that_of_the_service() -> None:
    assert event_name(Made) == "hotel.Made"
    assert codec("Sold", number=int).name == "hotel.Sold"
    with pytest.raises(LoadError, match="belongs to no service"):
        event_name(type(Event)("Lost", (Event,), {"__module__": "elsewhere"}))


def test_schema_is_valid_avro_with_docs_and_defaults() -> None:
    schema = avro_schema(Made)
    fastavro.parse_schema(schema)
    assert schema["doc"] == "An event for tests."
    fields = {field["name"]: field for field in schema["fields"]}
    assert fields["note"] == {"name": "note", "type": ["null", "string"], "default": None}
    assert fields["rank"]["default"] == 3
    assert fields["guests"]["type"]["items"] == "hotel.Guest"  # defined once


@pytest.mark.parametrize(
    ("writer", "reader", "expected"),
    [
        pytest.param({"a": int, "b": str}, {"a": int}, {"a": 1}, id="fewer fields"),
        pytest.param({"a": int}, {"a": int, "b": (str, "x")}, {"a": 1, "b": "x"}, id="a default"),
        pytest.param({"a": int}, {"a": float}, {"a": 1.0}, id="a promoted type"),
        pytest.param({"a": int}, {"a": int | None}, {"a": 1}, id="now optional"),
        pytest.param({"a": int}, {"b": int}, None, id="a missing field"),
        pytest.param({"a": str}, {"a": int}, None, id="another type"),
    ],
)
def test_reader_resolves_the_schema_of_the_writer(
    writer: dict[str, Any], reader: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    values = {"a": "x" if writer["a"] is str else 1, "b": "dropped"}
    written = codec("Sold", **writer)
    encoded = written.encode(written.event(**{name: values[name] for name in writer}))
    read = codec("Sold", **reader)
    if expected is None:
        with pytest.raises(UndecodableEvent):
            read.decode(with_head(0, encoded.body), find(encoded))
    else:
        assert (
            msgspec.structs.asdict(read.decode(with_head(0, encoded.body), find(encoded)))
            == expected
        )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda body: b"", id="empty"),
        pytest.param(lambda body: b"\x01" + body[1:], id="another marker"),
        pytest.param(lambda body: body[:4] + b"\x01" + body[5:], id="unknown schema"),
        pytest.param(lambda body: body[:-1], id="truncated"),
        pytest.param(lambda body: body + b"\x00", id="longer"),
    ],
)
def test_undecodable_bytes_are_refused(change: Any) -> None:
    sold = codec("Sold", guest=str)
    encoded = sold.encode(sold.event(guest="ada"))
    with pytest.raises(UndecodableEvent):
        sold.decode(change(with_head(0, encoded.body)), find(encoded))


@pytest.mark.parametrize(
    ("fields", "values", "message"),
    [
        pytest.param({"a": int}, {"a": "text"}, "cannot be encoded", id="another type"),
        pytest.param({"a": int}, {"a": 2**63}, "cannot be encoded", id="beyond 64 bits"),
        pytest.param({"a": Decimal}, {"a": Decimal("1e-10")}, "cannot be encoded", id="scale"),
        pytest.param({"a": str}, {"a": "x" * MAX_SIZE}, "the maximum is", id="too large"),
    ],
)
def test_value_that_does_not_fit_is_refused(
    fields: dict[str, Any], values: dict[str, Any], message: str
) -> None:
    sold = codec("Sold", **fields)
    with pytest.raises(InvalidEvent, match=message):
        sold.encode(sold.event(**values))


@pytest.mark.parametrize(
    "annotation",
    [Any, dict[int, str], complex, int | float | str | bytes | list[int] | list[str], Guest | Made],
)
def test_type_without_avro_type_is_a_load_error(annotation: Any) -> None:
    with pytest.raises(LoadError, match=r"hotel\.Sold"):
        codec("Sold", a=annotation)

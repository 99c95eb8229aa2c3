"""Schemas state the format of every datetime and time."""

from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Annotated, TypedDict

import msgspec

from neurova.binding.datetime_formats import validation_schema


@dataclass
class Inner:
    at: datetime


class Row(TypedDict):
    at: time


class Outer(msgspec.Struct, rename="camel"):
    plain_one: datetime
    maybe: datetime | None
    many: list[datetime]
    named: dict[str, list[Annotated[datetime, msgspec.Meta(description="d")]]]
    inner: Inner | None
    row: Row
    again: "Outer | None"
    clock: time | int | list[datetime]
    text: str
    price: Decimal
    prices: list[Decimal] | None
    other: Decimal | bool
    zoned: Annotated[datetime, msgspec.Meta(tz=True)] | None
    naive: Annotated[datetime, msgspec.Meta(tz=False)]
    format: str = "date-time"


def test_every_datetime_and_time_has_its_format() -> None:
    schema = validation_schema(Outer)
    fields = schema["$defs"]["Outer"]["properties"]
    assert fields["plainOne"]["format"] == "date-time"
    assert fields["maybe"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert fields["many"]["items"]["format"] == "date-time"
    assert fields["named"]["additionalProperties"]["items"]["format"] == "date-time"
    assert schema["$defs"]["Inner"]["properties"]["at"]["format"] == "date-time"
    assert schema["$defs"]["Row"]["properties"]["at"]["format"] == "time"
    assert str(fields["clock"]).count("format") == 2
    assert "format" not in fields["text"]


def test_format_states_a_required_time_zone() -> None:
    fields = validation_schema(Outer)["$defs"]["Outer"]["properties"]
    assert fields["zoned"]["anyOf"][0]["format"] == "date-time with a zone"
    assert fields["naive"]["format"] == "date-time"
    assert fields["format"] == {"type": "string", "default": "date-time"}


def test_decimal_may_be_a_number() -> None:
    fields = validation_schema(Outer)["$defs"]["Outer"]["properties"]
    decimal = {"type": ["string", "number"], "format": "decimal"}
    assert fields["price"] == fields["prices"]["anyOf"][0]["items"] == decimal
    assert decimal in fields["other"]["anyOf"]
    assert fields["text"] == {"type": "string"}

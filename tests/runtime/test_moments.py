"""The schema states the format of every datetime and time, wherever it lies."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated, TypedDict

import msgspec

from neurova.moments import schema_of


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


def test_every_moment_has_its_format() -> None:
    schema = schema_of(Outer)
    fields = schema["$defs"]["Outer"]["properties"]
    assert fields["plainOne"]["format"] == "date-time"
    assert fields["maybe"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert fields["many"]["items"]["format"] == "date-time"
    assert fields["named"]["additionalProperties"]["items"]["format"] == "date-time"
    assert schema["$defs"]["Inner"]["properties"]["at"]["format"] == "date-time"
    assert schema["$defs"]["Row"]["properties"]["at"]["format"] == "time"
    assert str(fields["clock"]).count("format") == 2
    assert "format" not in fields["text"]

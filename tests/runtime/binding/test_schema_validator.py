"""Each fault of a value is reported with its location, in the terms of its schema."""

from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Annotated, TypedDict

import msgspec

from neurova.binding.schema_bounds import MAX_DEPTH
from neurova.binding.schema_validator import SchemaValidator


class Rows(msgspec.Struct):
    first: int
    second: int
    rows: "list[Rows]"


def test_truncated_fields_are_not_called_missing() -> None:
    deep: dict[str, object] = {"first": 1, "second": 2, "rows": []}
    for _ in range(MAX_DEPTH):
        deep = {"first": 1, "second": 2, "rows": [deep]}
    assert SchemaValidator(Rows).faults(deep, 100) == []


Zoned = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass
class Inner:
    at: Zoned


class Row(TypedDict):
    at: Annotated[time, msgspec.Meta(tz=True)]


class Meeting(msgspec.Struct, rename="camel"):
    starts_at: Zoned
    maybe: Zoned | None
    named: dict[str, list[Annotated[Zoned, msgspec.Meta(description="d")]]]
    inner: Inner | None
    row: Row
    plain: datetime
    price: Decimal
    place: str
    again: "Meeting | None" = None
    format: str = "date-time"


def test_missing_time_zone_is_named_with_all_other_faults() -> None:
    day = "2016-07-02T10:00:00"
    sound = {
        **{"startsAt": f"{day}Z", "maybe": f"{day}+01:00", "named": {"a": [f"{day}Z"]}},
        **{"inner": {"at": f"{day}Z"}, "row": {"at": "10:00:00+01:00"}, "plain": f"{day}Z"},
        **{"price": 1.5, "place": "", "format": "any"},
    }
    wrong = {
        **{"startsAt": day, "maybe": day, "named": {"a": [day]}, "inner": {"at": day}},
        **{"row": {"at": "10:00:00"}, "plain": day, "price": "1.50", "again": sound},
    }
    validator = SchemaValidator(Meeting)
    assert validator.faults(sound, 10) == []
    faults = {fault.pointer: fault.message for fault in validator.faults(wrong, 10)}
    assert faults.pop("/row/at") == 'value is not a "time with a zone"'
    assert faults.pop("/place") == "is required"
    assert set(faults) == {"/startsAt", "/maybe", "/named/a/0", "/inner/at"}
    assert faults["/startsAt"] == 'value is not a "date-time with a zone"'


def test_pattern_fault_shows_the_description() -> None:
    class Person(msgspec.Struct):
        email: Annotated[str, msgspec.Meta(pattern="@", description="an email address")] | None
        code: Annotated[str, msgspec.Meta(pattern="^[0-9]$")]
        pattern: Annotated[str, msgspec.Meta(description="no pattern at all")]

    faults = SchemaValidator(Person).faults({"email": "x", "code": "y", "pattern": "z"}, 10)
    assert [(fault.pointer, fault.message) for fault in faults] == [
        ("/email", "must be an email address"),
        ("/code", 'value does not match "^[0-9]$"'),
    ]

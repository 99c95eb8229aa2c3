"""Every fault of a value is named, at its place and in the words of its schema."""

from datetime import datetime, time
from typing import Annotated

import msgspec

from neurova.binding.schema_bounds import MAX_DEPTH
from neurova.binding.schema_validator import SchemaValidator, json_pointer


class Rows(msgspec.Struct):
    first: int
    second: int
    rows: "list[Rows]"


def test_json_pointer_escapes_slash_and_tilde() -> None:
    assert json_pointer(()) == ""
    assert json_pointer(("a/b", "c~d", 0, "")) == "/a~1b/c~0d/0/"


def test_truncated_fields_are_not_called_missing() -> None:
    deep: dict[str, object] = {"first": 1, "second": 2, "rows": []}
    for _ in range(MAX_DEPTH):
        deep = {"first": 1, "second": 2, "rows": [deep]}
    assert SchemaValidator(Rows).faults(deep, 100) == []


def test_missing_time_zone_is_named_with_all_other_faults() -> None:
    class Meeting(msgspec.Struct):
        at: Annotated[datetime, msgspec.Meta(tz=True)]
        then: Annotated[time, msgspec.Meta(tz=True)]
        plain: datetime
        place: str

    wrong = {"at": "2016-07-02T10:00:00", "then": "10:00:00", "plain": "2016-07-02T10:00:00"}
    faults = {fault.pointer: fault.message for fault in SchemaValidator(Meeting).faults(wrong, 10)}
    assert faults == {
        "/at": 'value is not a "date-time with a zone"',
        "/then": 'value is not a "time with a zone"',
        "/place": "is required",
    }
    sound = {
        "at": "2016-07-02T10:00:00Z",
        "then": "10:00:00+01:00",
        "plain": "2016-07-02T10:00:00Z",
    }
    assert SchemaValidator(Meeting).faults({**sound, "place": ""}, 10) == []


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

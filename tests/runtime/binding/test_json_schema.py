"""What a checker costs is bounded by its schema and by how much of a value it sees."""

from datetime import datetime, time
from typing import Annotated

import msgspec

from neurova.binding.json_schema import (
    DEPTH,
    NODES,
    Checker,
    ambiguous,
    by_tag,
    cut,
    most_required,
    pointer,
)


class A(msgspec.Struct, tag=1):
    kid: "A | B | None" = None


class B(msgspec.Struct, tag=2):
    kid: "A | B | None" = None


class Row(msgspec.Struct, array_like=True):
    kid: "Row | list[Row] | None"


class Rows(msgspec.Struct):
    first: int
    second: int
    rows: "list[Rows]"


def test_a_pointer_escapes_what_rfc_6901_says() -> None:
    assert pointer(()) == ""
    assert pointer(("a/b", "c~d", 0, "")) == "/a~1b/c~0d/0/"


def test_tagged_unions_are_rewritten_and_then_not_ambiguous() -> None:
    schema = msgspec.json.schema(A | B)
    assert ambiguous({"anyOf": [{"type": "object"}, {"type": "object"}]})
    assert not ambiguous(by_tag(schema))
    assert "discriminator" not in str(by_tag(schema))


def test_plain_unions_are_not_ambiguous() -> None:
    for kind in (A | None, list[int] | None, dict[str, int] | list[int] | int | None):
        assert not ambiguous(by_tag(msgspec.json.schema(kind)))


def test_the_most_faults_of_one_empty_object_are_counted() -> None:
    assert most_required(msgspec.json.schema(Rows)) == 3
    assert most_required(msgspec.json.schema(int)) == 1


def test_a_small_value_is_seen_whole() -> None:
    value = {"a": [1, {"b": None}], "c": {}}
    assert cut(value, 5) == (value, frozenset())
    assert cut("text", 5) == ("text", frozenset())


def test_a_wide_value_is_cut_level_by_level() -> None:
    value = {"wide": list(range(10 * NODES)), "after": {"x": 1}}
    kept, cuts = cut(value, 1)
    assert kept["after"] == {"x": 1}
    assert len(kept["wide"]) < NODES
    assert cuts == {("wide",)}


def test_objects_count_as_what_they_may_lack() -> None:
    kept, cuts = cut([{}] * 10 * NODES, 100)
    assert len(kept) == NODES / 2
    assert cuts == {()}
    kept, _ = cut([{"a": {}}] * 1_000, 100)
    assert sum("a" in item for item in kept) <= NODES / 100


def test_a_deep_value_is_cut() -> None:
    value: dict[str, object] = {}
    for _ in range(10 * DEPTH):
        value = {"a": value}
    _, cuts = cut(value, 1)
    assert cuts == {("a",) * DEPTH}


def test_what_a_cut_took_is_not_called_missing() -> None:
    deep: dict[str, object] = {"first": 1, "second": 2, "rows": []}
    for _ in range(DEPTH):
        deep = {"first": 1, "second": 2, "rows": [deep]}
    assert Checker(Rows).faults(deep, 100) == []


def test_a_moment_without_the_zone_that_it_needs_is_named_with_all_other_faults() -> None:
    class Meeting(msgspec.Struct):
        at: Annotated[datetime, msgspec.Meta(tz=True)]
        then: Annotated[time, msgspec.Meta(tz=True)]
        plain: datetime
        place: str

    wrong = {"at": "2016-07-02T10:00:00", "then": "10:00:00", "plain": "2016-07-02T10:00:00"}
    faults = {fault.pointer: fault.message for fault in Checker(Meeting).faults(wrong, 10)}
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
    assert Checker(Meeting).faults({**sound, "place": ""}, 10) == []


def test_a_pattern_is_told_in_the_words_of_its_description() -> None:
    class Person(msgspec.Struct):
        email: Annotated[str, msgspec.Meta(pattern="@", description="an email address")] | None
        code: Annotated[str, msgspec.Meta(pattern="^[0-9]$")]
        pattern: Annotated[str, msgspec.Meta(description="no pattern at all")]

    faults = Checker(Person).faults({"email": "x", "code": "y", "pattern": "z"}, 10)
    assert [(fault.pointer, fault.message) for fault in faults] == [
        ("/email", "must be an email address"),
        ("/code", 'value does not match "^[0-9]$"'),
    ]

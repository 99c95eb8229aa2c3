"""Validation takes bounded time, whatever the schema and the value."""

import msgspec

from neurova.binding.schema_bounds import (
    MAX_DEPTH,
    MAX_VALUES,
    choose_by_tag,
    is_ambiguous,
    most_required,
    truncate,
)


class A(msgspec.Struct, tag=1):
    kid: "A | B | None" = None


class B(msgspec.Struct, tag=2):
    kid: "A | B | None" = None


class Rows(msgspec.Struct):
    first: int
    second: int
    rows: "list[Rows]"


def test_tagged_unions_are_rewritten_to_be_unambiguous() -> None:
    schema = msgspec.json.schema(A | B)
    assert is_ambiguous({"anyOf": [{"type": "object"}, {"type": "object"}]})
    assert not is_ambiguous(choose_by_tag(schema))
    assert "discriminator" not in str(choose_by_tag(schema))


def test_plain_unions_are_not_ambiguous() -> None:
    for kind in (A | None, list[int] | None, dict[str, int] | list[int] | int | None):
        assert not is_ambiguous(choose_by_tag(msgspec.json.schema(kind)))


def test_faults_of_one_empty_object_are_counted() -> None:
    assert most_required(msgspec.json.schema(Rows)) == 3
    assert most_required(msgspec.json.schema(int)) == 1


def test_small_value_is_not_truncated() -> None:
    value = {"a": [1, {"b": None}], "c": {}}
    assert truncate(value, 5) == (value, frozenset())
    assert truncate("text", 5) == ("text", frozenset())


def test_wide_value_is_truncated_level_by_level() -> None:
    value = {"wide": list(range(10 * MAX_VALUES)), "after": {"x": 1}}
    copy, truncated = truncate(value, 1)
    assert copy["after"] == {"x": 1}
    assert len(copy["wide"]) < MAX_VALUES
    assert truncated == {("wide",)}


def test_objects_count_as_the_fields_they_may_lack() -> None:
    copy, truncated = truncate([{}] * 10 * MAX_VALUES, 100)
    assert len(copy) == MAX_VALUES / 2
    assert truncated == {()}
    copy, _ = truncate([{"a": {}}] * 1_000, 100)
    assert sum("a" in item for item in copy) <= MAX_VALUES / 100


def test_deep_value_is_truncated() -> None:
    value: dict[str, object] = {}
    for _ in range(10 * MAX_DEPTH):
        value = {"a": value}
    _, truncated = truncate(value, 1)
    assert truncated == {("a",) * MAX_DEPTH}

"""What a checker costs is bounded by its schema and by how much of a value it sees."""

import msgspec

from neurova.schema import DEPTH, NODES, Checker, ambiguous, by_tag, cut, most_required, pointer


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

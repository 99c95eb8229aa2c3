"""A generated example is valid, or is omitted."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from neurova_platform.openapi.examples import NoExample, example
from neurova_platform.openapi.schemas import AT, build_schemas


class Tree(msgspec.Struct):
    name: str
    left: Tree | None
    below: list[Tree]
    at: date = date(2020, 1, 1)


class Endless(msgspec.Struct):
    again: Endless


KINDS: list[Any] = [
    *(int, float, str, bool, bytes, None, Any),
    *(date, time, timedelta, Decimal, UUID, Annotated[datetime, Meta(tz=True)]),
    *(list[int], dict[str, float], tuple[int, str], tuple[str, ...], set[str]),
    *(Tree, list[Tree] | None, Literal["x", 1], int | str | None),
    Annotated[str, Meta(min_length=20, max_length=25)],
    Annotated[str, Meta(max_length=3)],
    Annotated[list[bool], Meta(min_length=3, max_length=4)],
    Annotated[list[str], Meta(max_length=0)],
    Annotated[bytes, Meta(min_length=5, max_length=40)],
    Annotated[str, Meta(examples=["given"])],
]


def generate(kind: Any) -> tuple[Any, Any]:
    """Return an example of a type, and a validator for its schema."""
    found, named = build_schemas("t", {"it": kind})
    by_reference = {AT + name: each for name, each in named.items()}
    schema = {**found["it"], "components": {"schemas": named}}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return example(found["it"], by_reference), validator


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_example_is_valid_by_schema_and_type(kind: Any) -> None:
    value, validator = generate(kind)
    assert validator.is_valid(value), value
    msgspec.json.decode(msgspec.json.encode(value), type=kind)
    assert generate(kind)[0] == value


@given(
    bounds=st.fixed_dictionaries(
        {},
        optional={
            name: st.integers(-1000, 1000)
            for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
        },
    ),
    step=st.one_of(st.none(), st.integers(1, 50)),
    kind=st.sampled_from(["integer", "number"]),
)
def test_number_is_within_its_bounds_or_missing(
    bounds: dict[str, int], step: int | None, kind: str
) -> None:
    schema = {"type": kind, **bounds} | ({"multipleOf": step} if step else {})
    try:
        value = example(schema, {})
    except NoExample:
        return
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(value), value


def test_number_with_simple_bounds_is_found() -> None:
    for low in range(-20, 20):
        for kind in ("integer", "number"):
            schema = {"type": kind, "minimum": low, "maximum": low + 10}
            assert low <= example(schema, {}) <= low + 10


@pytest.mark.parametrize(
    "kind",
    [Annotated[str, Meta(pattern="^x{3}$")], Annotated[set[str], Meta(min_length=2)], Endless],
    ids=str,
)
def test_unsupported_schema_has_no_example(kind: Any) -> None:
    with pytest.raises(NoExample):
        generate(kind)


def test_optional_field_without_example_is_left_out() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "integer"}, "b": {"type": "string", "pattern": "^x$"}},
    }
    assert example(schema, {}) == {"a": 1}

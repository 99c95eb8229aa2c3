"""Schemas are named by service and type, complete, and stable across reloads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurova.endpoints.function import HttpFunction
from neurova_gateway.pipeline.path import BadPath, canonicalize
from neurova_platform.openapi.schemas import (
    AT,
    DECIMAL,
    DURATION,
    NO_NUL,
    SEGMENT,
    build_schemas,
    with_pattern,
)


class Named(msgspec.Struct):
    at: datetime


def test_types_are_named_by_service_and_unknown_ones_accept_anything() -> None:
    found, named = build_schemas(
        "shop", {"key": Named, "plain": int, "odd": complex, "of": list[Named]}
    )
    reference = {"$ref": f"{AT}shop.Named"}
    assert (found["key"], found["plain"], found["odd"]) == (reference, {"type": "integer"}, {})
    assert found["of"] == {"type": "array", "items": reference}
    assert list(named) == ["shop.Named"]
    assert named["shop.Named"]["properties"]["at"]["format"] == "date-time"
    assert list(build_schemas("club", {"key": Named})[1]) == ["club.Named"]


def test_decimal_is_text_or_number() -> None:
    found, _ = build_schemas("shop", {"key": Decimal, "many": list[Decimal]})
    assert found["key"] == found["many"]["items"] == DECIMAL
    check = jsonschema_rs.Draft202012Validator(DECIMAL)
    for sent in (b'"12.50"', b'"-1e3"', b"3", b"0.5"):
        assert check.is_valid(msgspec.json.decode(sent))
        assert msgspec.json.decode(sent, type=Decimal) is not None
    assert not check.is_valid("dear")


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        *((each, True) for each in ("P1DT1H", "PT1M30.5S", "-PT1S", "P0D")),
        *((each, False) for each in ("P", "PT", "P1DT", "P1Y", "P1M", "P1W", "PT1S1M", "1D")),
    ],
)
def test_duration_schema_matches_the_parser(text: str, is_valid: bool) -> None:
    assert jsonschema_rs.Draft202012Validator(DURATION).is_valid(text) is is_valid
    try:
        msgspec.convert(text, timedelta)
    except msgspec.ValidationError:
        assert not is_valid
    else:
        assert is_valid


@given(st.timedeltas(timedelta(-10_000_000), timedelta(10_000_000)))
def test_sent_duration_matches_its_schema(value: timedelta) -> None:
    sent = msgspec.to_builtins(value)
    assert jsonschema_rs.Draft202012Validator(DURATION).is_valid(sent)


class Export(msgspec.Struct):
    type: str
    format: str
    default: str = "x"
    properties: dict[str, str] = {}


def test_fields_may_be_named_like_schema_keywords() -> None:
    _, named = build_schemas("t", {"it": Export})
    fields = named["t.Export"]["properties"]
    assert list(fields) == ["type", "format", "default", "properties"]
    assert fields["format"] == {"type": "string"}
    assert fields["default"] == {"type": "string", "default": "x"}


class Odd(msgspec.Struct):
    since: datetime = datetime(2020, 1, 1)
    share: float = float("nan")
    note: str | None = None
    rate: float = 1.5


def test_default_that_violates_the_schema_is_left_out() -> None:
    fields = build_schemas("t", {"it": Odd})[1]["t.Odd"]["properties"]
    assert fields["since"] == {"type": "string", "format": "date-time"}
    assert fields["share"] == {"type": "number"}
    assert fields["note"]["default"] is None
    assert fields["rate"]["default"] == 1.5


def test_types_of_the_same_name_are_named_by_file(load: Callable[..., list[HttpFunction]]) -> None:
    source = """
        import msgspec
        from neurova import get
        class Page(msgspec.Struct):
            {field}: int
        @get("/{field}")
        async def {field}() -> Page: ...
        """
    files = {name: source.replace("{field}", name) for name in ("first", "second")}
    for _ in range(2):
        functions = load(**files)
        kinds = {each.name: each.binding.returns for each in functions}
        found, named = build_schemas("shop", kinds)
        assert set(named) == {"shop.first.Page", "shop.second.Page"}
        assert found["shop.first"] == {"$ref": f"{AT}shop.first.Page"}


def test_tagged_union_has_a_discriminator() -> None:
    class One(msgspec.Struct, tag=1):
        pass

    class Two(msgspec.Struct, tag=2):
        pass

    found, _ = build_schemas("shop", {"key": One | Two})
    discriminator = found["key"]["discriminator"]
    assert discriminator["propertyName"] == "type"
    assert discriminator["mapping"] == {"1": f"{AT}shop.One", "2": f"{AT}shop.Two"}


def test_pattern_is_added_only_to_free_text() -> None:
    text = {"type": "string"}
    for schema in ({**text, "pattern": "^x"}, {**text, "format": "date"}, {"type": "integer"}):
        assert with_pattern(schema, NO_NUL) == schema
    assert with_pattern({"type": "string", "maxLength": 3}, NO_NUL)["pattern"] == NO_NUL


@pytest.mark.parametrize(
    "segment", ["a", "a b", ".a", "...", "é", "a;b", "%", "", ".", "..", "a/b", "\\", "\0", "\x7f"]
)
def test_segment_pattern_matches_the_gateway(segment: str) -> None:
    is_described = jsonschema_rs.Draft202012Validator({"pattern": SEGMENT}).is_valid(segment)
    try:
        accepted = canonicalize(b"/x/" + quote(segment, safe="").encode())
    except BadPath:
        accepted = ""
    # The gateway accepts an empty segment, but no route would match it.
    assert is_described is (accepted not in ("", "/x/"))

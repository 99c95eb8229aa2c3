"""Schemas of a service's types: named by service and type, whole, the same after a reload."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
import pytest

from neurova.invoke import Function
from neurova_platform.openapi.schemas import AT, schemas, text


class Named(msgspec.Struct):
    at: datetime


class Generic(msgspec.Struct):
    of: list[Named]


def test_a_type_is_named_by_its_service() -> None:
    found, named = schemas("shop", {"key": Named, "plain": int})
    assert found == {"key": {"$ref": f"{AT}shop.Named"}, "plain": {"type": "integer"}}
    assert set(named) == {"shop.Named"}


def test_moments_have_their_format() -> None:
    _, named = schemas("shop", {"key": list[Generic]})
    assert named["shop.Named"]["properties"]["at"]["format"] == "date-time"


def test_what_has_no_schema_is_anything() -> None:
    found, _ = schemas("shop", {"odd": complex, "list": list[complex], "sound": int})
    assert found == {"odd": {}, "list": {}, "sound": {"type": "integer"}}


def test_two_types_of_one_name_are_told_apart_whatever_the_generation(
    load: Callable[..., list[Function]],
) -> None:
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
        found, named = schemas("shop", kinds)
        assert set(named) == {"shop.first.Page", "shop.second.Page"}
        assert found["shop.first"] == {"$ref": f"{AT}shop.first.Page"}


def test_a_tagged_union_is_chosen_by_its_tag() -> None:
    class One(msgspec.Struct, tag=1):
        pass

    class Two(msgspec.Struct, tag=2):
        pass

    found, _ = schemas("shop", {"key": One | Two})
    discriminator = found["key"]["discriminator"]
    assert discriminator["propertyName"] == "type"
    assert discriminator["mapping"] == {"1": f"{AT}shop.One", "2": f"{AT}shop.Two"}


@pytest.mark.parametrize("schema", [{"type": "string", "maxLength": 3}, {"type": "integer"}])
def test_a_path_segment_that_says_more_itself_is_left_alone(schema: dict[str, object]) -> None:
    assert text(schema) == schema
    assert "pattern" in text({"type": "string"})

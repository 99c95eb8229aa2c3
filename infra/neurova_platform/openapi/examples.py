"""Generate valid, reproducible examples from schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor
from typing import Any

Schema = Mapping[str, Any]
Named = Mapping[str, Any]
Within = frozenset[str]
_WORDS = "example"
_FORMATS: dict[str, str] = {
    "date": "2026-07-01",
    "date-time": "2026-07-01T14:30:00Z",
    "time": "14:30:00Z",
    "duration": "PT1H30M",
    "uuid": "0b8f3c52-2f64-4f6e-9c1d-7a5d1e0c4b21",
    "decimal": "12.50",
    "uri-reference": "about:blank",
}
# A schema with any other keyword has no generated example.
_SUPPORTED = frozenset(
    """
    $ref additionalProperties anyOf contentEncoding default deprecated description discriminator
    enum examples exclusiveMaximum exclusiveMinimum format items maxItems maxLength maxProperties
    maximum minItems minLength minProperties minimum multipleOf prefixItems properties required
    title type uniqueItems
    """.split()  # noqa: SIM905 - shorter than a list
)


class NoExample(Exception):
    """No example can be generated: the schema has an unsupported keyword, like `pattern`."""


def example(schema: Schema, named: Named, within: Within = frozenset()) -> Any:
    """Return a value that is valid for a schema.

    Prefers the schema's own example, then its default. `named`: the referenced schemas, by `$ref`.
    `within`: the references that enclose this schema, to stop at a recursive schema. Raises
    NoExample.
    """
    literals = [*schema.get("examples", ()), *_default(schema), *schema.get("enum", ())]
    if literals:
        return literals[0]
    reference = schema.get("$ref", "")
    if not schema.keys() <= _SUPPORTED or reference in within:
        raise NoExample
    if reference:
        return example(named[reference], named, within | {reference})
    if "anyOf" in schema:
        return _first(schema["anyOf"], named, within)
    if "type" not in schema:  # any value is valid
        return {}
    return _MAKERS[schema["type"]](schema, named, within)


def _default(schema: Schema) -> tuple[Any, ...]:
    return () if schema.get("default") is None else (schema["default"],)


def _first(branches: list[Any], named: Named, within: Within) -> Any:
    for branch in branches:
        try:
            return example(branch, named, within)
        except NoExample:
            continue
    raise NoExample


def _text(schema: Schema, named: Named, within: Within) -> str:
    if "format" in schema:
        if schema["format"] not in _FORMATS:
            raise NoExample
        return _FORMATS[schema["format"]]
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(_WORDS))
    if schema.get("contentEncoding") == "base64":
        return "AAAA" * max(1, -(-least // 4)) if most >= 4 else ""
    words: str = _WORDS * max(1, -(-least // len(_WORDS)))
    return words[: max(least, min(most, len(_WORDS)))]


def _number(schema: Schema, named: Named, within: Within) -> Any:
    is_integer = schema["type"] == "integer"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = schema.get("multipleOf", 1 if is_integer else None)
    if step is not None:
        start = low if low is not None else 1 if high is None else min(1, high)
        first = floor(start / step) * step
        candidates = [first, first + step, first + 2 * step, first - step]
    elif low is None and high is None:
        candidates = [1.5]
    elif low is None or high is None:
        candidates = [low + 1 if low is not None else high - 1]
    else:
        candidates = [(low + high) / 2]
    for number in candidates:
        if _within(number, schema):
            return int(number) if is_integer else number
    raise NoExample


def _within(number: Any, schema: Schema) -> bool:
    return bool(
        number >= schema.get("minimum", number)
        and number <= schema.get("maximum", number)
        and ("exclusiveMinimum" not in schema or number > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or number < schema["exclusiveMaximum"])
    )


def _array(schema: Schema, named: Named, within: Within) -> list[Any]:
    built = [example(each, named, within) for each in schema.get("prefixItems", ())]
    least, most = schema.get("minItems", 0), schema.get("maxItems", len(built) + 1)
    items = schema.get("items", False if "prefixItems" in schema else {})
    if items is not False and len(built) < most:
        wanted = max(least - len(built), 1)
        if wanted > 1 and schema.get("uniqueItems"):
            raise NoExample
        try:
            built += [example(items, named, within)] * wanted
        except NoExample:
            if len(built) < least:
                raise
    return built


def _object(schema: Schema, named: Named, within: Within) -> dict[str, Any]:
    required = schema.get("required", ())
    built = {}
    for name, part in schema.get("properties", {}).items():
        if name not in required and part.get("default", 0) is None:
            continue  # callers rarely set optional properties
        try:
            built[name] = example(part, named, within)
        except NoExample:
            if name in required:
                raise
    if schema.get("minProperties", 0) > len(built):
        raise NoExample
    return built


_MAKERS: dict[str, Callable[[Schema, Named, Within], Any]] = {
    "null": lambda schema, named, within: None,
    "boolean": lambda schema, named, within: True,
    "integer": _number,
    "number": _number,
    "string": _text,
    "array": _array,
    "object": _object,
}

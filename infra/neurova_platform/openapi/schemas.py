"""The schemas of one service's types, with names that no reload and no other service changes."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

import jsonschema_rs
import msgspec

from neurova.binding.datetimes import with_moments

AT = "#/components/schemas/"
# msgspec's long name, for two types with one short one: `functions.booking~3.list.Page`.
_GENERATION = re.compile(r"functions\.\w+_\d+\.")

Schema = dict[str, Any]
DECIMAL: Schema = {
    "anyOf": [
        {
            "type": "string",
            "format": "decimal",
            "pattern": r"^-?\d+(\.\d+)?([eE][+-]?\d{1,3})?$",
            "examples": ["12.50"],
        },
        {"type": "number"},
    ]
}
"""What is taken for a decimal; it is sent as text."""
DURATION: Schema = {
    "type": "string",
    "description": "A duration as ISO 8601 has it, in days and shorter units.",
    "pattern": r"^-?P(?=[0-9T])([0-9]{1,8}D)?"
    r"(T(?=[0-9])([0-9]{1,8}H)?([0-9]{1,8}M)?([0-9]{1,8}(\.[0-9]{1,6})?S)?)?$",
    "examples": ["PT1H30M"],
}
# msgspec's formats that take less, or more, than those of the same name in JSON Schema.
_FORMATS = {"decimal": DECIMAL, "duration": DURATION}
_VALUES = frozenset({"const", "default", "enum", "examples"})  # what they hold is no schema


def schemas(
    service: str, types: Mapping[Hashable, Any]
) -> tuple[dict[Hashable, Schema], dict[str, Schema]]:
    """Return the schema of each type by its key, and the named schemas that these refer to.

    A named one is `<service>.<type>`. A type that no JSON Schema describes has the empty one.
    """
    known = {key: kind for key, kind in types.items() if _has_schema(kind)}
    found, named = msgspec.json.schema_components(
        known.values(), ref_template=AT + service + ".{name}"
    )
    for schema, kind in zip(found, known.values(), strict=True):
        with_moments(schema, kind, named)
    of_key = dict(zip(known, found, strict=True))
    return (
        {key: _referred(of_key.get(key, {})) for key in types},
        {f"{service}.{_GENERATION.sub('', name)}": _referred(each) for name, each in named.items()},
    )


def _has_schema(kind: Any) -> bool:
    try:
        msgspec.json.schema(kind)
    except (TypeError, ValueError, NameError):
        return False
    return True


def _referred(part: Any) -> Any:
    """Return `part` as it stands in the document: references by the names that are used here."""
    if isinstance(part, str):
        return _GENERATION.sub("", part) if part.startswith(AT) else part
    if isinstance(part, list | tuple):
        return [_referred(each) for each in part]
    if isinstance(part, dict):
        made = {str(key): _below(key, each) for key, each in part.items()}
        if "type" in made and made.get("format") in _FORMATS:
            form = _FORMATS[made["format"]]
            made = form | {key: each for key, each in made.items() if key not in ("type", "format")}
        return with_default(made)
    return part


def _below(key: Any, part: Any) -> Any:
    if key == "properties":  # its names are a type's own: "type" and "format" say nothing there
        return {name: _referred(field) for name, field in part.items()}
    return part if key in _VALUES else _referred(part)


def with_default(schema: Schema) -> Schema:
    """Return a schema without its default when it does not take that itself, though Python does.

    Such are a time without a zone, and what is no number.
    """
    if "default" not in schema or isinstance(schema["default"], bool | int):
        return schema
    rest = {key: each for key, each in schema.items() if key != "default"}
    if AT in str(rest):  # it refers to what is not known here
        return schema
    value = msgspec.json.decode(msgspec.json.encode(schema["default"]))
    valid = jsonschema_rs.Draft202012Validator(rest, validate_formats=True).is_valid(value)
    return schema if valid else rest


SEGMENT = r"^(?!\.{1,2}$)[^\x00-\x1f\x7f/\\]+$"
"""One segment of a path: the gateway refuses what two readers could read in two ways."""
NO_NUL = r"^[^\x00]*$"


def patterned(schema: Schema, pattern: str) -> Schema:
    """Return the schema of a text that is taken by that pattern, if it has none of its own."""
    if schema.get("type") != "string" or {"pattern", "format", "enum"} & schema.keys():
        return schema
    return {**schema, "pattern": pattern}

"""Create the schemas of a service's types, with names that do not change on reload."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

import jsonschema_rs
import msgspec

from neurova.binding.datetime_formats import add_datetime_formats

AT = "#/components/schemas/"
# msgspec adds the module to the names of types with equal names: `functions.booking_3.list.Page`.
# The number in the module changes with each reload.
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
"""The accepted forms of a decimal; responses contain decimals as text."""
DURATION: Schema = {
    "type": "string",
    "description": "An ISO 8601 duration in days and shorter units.",
    "pattern": r"^-?P(?=[0-9T])([0-9]{1,8}D)?"
    r"(T(?=[0-9])([0-9]{1,8}H)?([0-9]{1,8}M)?([0-9]{1,8}(\.[0-9]{1,6})?S)?)?$",
    "examples": ["PT1H30M"],
}
# Replace msgspec's formats that differ from the JSON Schema formats of the same name.
_FORMATS = {"decimal": DECIMAL, "duration": DURATION}
_VALUES = frozenset({"const", "default", "enum", "examples"})  # hold values, not schemas


def build_schemas(
    service: str, types: Mapping[Hashable, Any]
) -> tuple[dict[Hashable, Schema], dict[str, Schema]]:
    """Return the schema of each type by its key, and the referenced schemas by name.

    The names have the form `<service>.<type>`. A type without a JSON Schema gets the empty schema.
    """
    describable = {key: kind for key, kind in types.items() if _has_schema(kind)}
    found, named = msgspec.json.schema_components(
        describable.values(), ref_template=AT + service + ".{name}"
    )
    for schema, kind in zip(found, describable.values(), strict=True):
        add_datetime_formats(schema, kind, named)
    by_key = dict(zip(describable, found, strict=True))
    return (
        {key: _renamed(by_key.get(key, {})) for key in types},
        {f"{service}.{_GENERATION.sub('', name)}": _renamed(each) for name, each in named.items()},
    )


def _has_schema(kind: Any) -> bool:
    try:
        msgspec.json.schema(kind)
    except (TypeError, ValueError, NameError):
        return False
    return True


def _renamed(part: Any) -> Any:
    """Return a part of a schema with stable names in its references and with corrected formats."""
    if isinstance(part, str):
        return _GENERATION.sub("", part) if part.startswith(AT) else part
    if isinstance(part, list | tuple):
        return [_renamed(each) for each in part]
    if isinstance(part, dict):
        schema = {str(key): _renamed_value(key, each) for key, each in part.items()}
        if "type" in schema and schema.get("format") in _FORMATS:
            form = _FORMATS[schema.pop("format")]
            del schema["type"]
            schema = form | schema
        return with_valid_default(schema)
    return part


def _renamed_value(key: Any, part: Any) -> Any:
    if key == "properties":  # a field may be called "type" or "format"
        return {name: _renamed(field) for name, field in part.items()}
    return part if key in _VALUES else _renamed(part)


def with_valid_default(schema: Schema) -> Schema:
    """Return a schema, without its default if the default violates the schema.

    Python accepts such defaults, for example a time without a time zone, or NaN.
    """
    if "default" not in schema or isinstance(schema["default"], bool | int):
        return schema
    rest = {key: each for key, each in schema.items() if key != "default"}
    if AT in str(rest):  # the referenced schema is not available here
        return schema
    value = msgspec.json.decode(msgspec.json.encode(schema["default"]))
    valid = jsonschema_rs.Draft202012Validator(rest, validate_formats=True).is_valid(value)
    return schema if valid else rest


SEGMENT = r"^(?!\.{1,2}$)[^\x00-\x1f\x7f/\\]+$"
"""One segment of a path, as the gateway accepts it."""
NO_NUL = r"^[^\x00]*$"


def with_pattern(schema: Schema, pattern: str) -> Schema:
    """Return a string schema with `pattern` added, unless the schema already restricts the text."""
    if schema.get("type") != "string" or {"pattern", "format", "enum"} & schema.keys():
        return schema
    return {**schema, "pattern": pattern}

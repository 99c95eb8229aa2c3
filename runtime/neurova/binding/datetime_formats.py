"""Complete msgspec's JSON Schemas: add formats of naive datetimes, and numbers as decimals."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

ZONED = " with a zone"
"""Suffix of the internal format names for values that must have a time zone."""
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9.\-_]")
_FORMATS = {inspect.DateTimeType: "date-time", inspect.TimeType: "time"}
_RECORDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)


def validation_schema(kind: Any) -> dict[str, Any]:
    """Return the schema that validates values of a type; its formats check time zones.

    Raises TypeError for a type without a schema.
    """
    return add_datetime_formats(_mark_zoned(msgspec.json.schema(kind)), kind)


def add_datetime_formats(
    schema: dict[str, Any], kind: Any, definitions: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Add the formats of datetimes and times to the schema of `kind`, in place; return it.

    `definitions`: the named schemas that `schema` refers to, by default its own `$defs`.
    """
    named = schema.get("$defs", {}) if definitions is None else definitions
    _FormatWriter(named).visit(schema, inspect.type_info(kind))
    return schema


def _mark_zoned(schema: Any) -> Any:
    """Append ZONED to msgspec's formats; msgspec writes a format only if a zone is required."""
    if isinstance(schema, list):
        return [_mark_zoned(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    marked = {key: _mark_zoned(part) for key, part in schema.items()}
    if marked.get("type") == "string" and marked.get("format") in ("date-time", "time"):
        marked["format"] += ZONED
    return marked


class _FormatWriter:
    """Walk a type and its schema in parallel, visiting each record type once."""

    def __init__(self, definitions: dict[str, dict[str, Any]]) -> None:
        self._definitions = definitions
        self._visited: set[Any] = set()

    def visit(self, part: Any, info: inspect.Type) -> None:
        info = _unwrap(info)
        if not isinstance(part, dict):
            return
        if type(info) in _FORMATS:
            part.setdefault("format", _FORMATS[type(info)])
        elif isinstance(info, inspect.DecimalType):
            part["type"] = ["string", "number"]
        elif isinstance(info, inspect.CollectionType):
            self.visit(part.get("items"), info.item_type)
        elif isinstance(info, inspect.DictType):
            self.visit(part.get("additionalProperties"), info.value_type)
        elif isinstance(info, inspect.UnionType):
            for each in info.types:
                self._visit_branch(part.get("anyOf", ()), _unwrap(each))
        elif isinstance(info, _RECORDS) and info.cls not in self._visited:
            self._visited.add(info.cls)
            properties = self._definition(info.cls).get("properties", {})
            for field in info.fields:
                self.visit(properties.get(field.encode_name), field.type)

    def _definition(self, kind: Any) -> dict[str, Any]:
        named = self._definitions
        return next((named[name] for name in _schema_names(kind) if name in named), {})

    def _visit_branch(self, branches: Any, info: inspect.Type) -> None:
        if type(info) in _FORMATS:  # msgspec allows only one string type in a union
            branches = [branch for branch in branches if branch.get("type") == "string"]
        elif isinstance(info, inspect.DecimalType):
            branches = [branch for branch in branches if branch.get("format") == "decimal"]
        elif not isinstance(info, inspect.CollectionType | inspect.DictType):
            branches = [{}]
        for branch in branches:
            self.visit(branch, info)


def _unwrap(info: inspect.Type) -> inspect.Type:
    while isinstance(info, inspect.Metadata):
        info = info.type
    return info


def _schema_names(kind: Any) -> tuple[str, str]:
    """Return the short and the full name that msgspec may use for a type in `$defs`."""
    short = getattr(kind, "__name__", "")
    if hasattr(kind, "__origin__"):
        inner = ", ".join(getattr(each, "__name__", repr(each)) for each in kind.__args__)
        short = f"{kind.__origin__.__name__}[{inner}]"
    full = f"{kind.__module__}.{getattr(kind, '__qualname__', short)}"
    return _NOT_IN_NAMES.sub("_", short), _NOT_IN_NAMES.sub("_", full)

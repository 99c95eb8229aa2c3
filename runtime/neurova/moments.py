"""The formats that msgspec's schema leaves out: of datetimes and times without a stated zone."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

_FORMATS = {inspect.DateTimeType: "date-time", inspect.TimeType: "time"}


def with_moments(schema: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Return the schema of `kind`, changed in place: each datetime and time has its format."""
    definitions = schema.get("$defs", {})
    seen: set[Any] = set()

    def mark(part: Any, info: inspect.Type) -> None:
        while isinstance(info, inspect.Metadata):
            info = info.type
        if not isinstance(part, dict):
            return
        if type(info) in _FORMATS:
            part.setdefault("format", _FORMATS[type(info)])
        elif isinstance(info, inspect.CollectionType):
            mark(part.get("items"), info.item_type)
        elif isinstance(info, inspect.DictType):
            mark(part.get("additionalProperties"), info.value_type)
        elif isinstance(info, inspect.UnionType):
            for each in info.types:
                mark_union(part.get("anyOf", ()), each)
        elif isinstance(info, _RECORDS) and info.cls not in seen:
            seen.add(info.cls)
            properties = definitions.get(_name(info.cls), {}).get("properties", {})
            for field in info.fields:
                mark(properties.get(field.encode_name), field.type)

    def mark_union(branches: Any, info: inspect.Type) -> None:
        while isinstance(info, inspect.Metadata):
            info = info.type
        if type(info) in _FORMATS:  # the only text of its union: msgspec allows one
            for branch in branches:
                if branch.get("type") == "string":
                    mark(branch, info)
        elif isinstance(info, inspect.CollectionType | inspect.DictType):
            for branch in branches:
                mark(branch, info)
        else:
            mark({}, info)

    mark(schema, inspect.type_info(kind))
    return schema


_RECORDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)


def _name(kind: Any) -> str:
    """Return a type's name among msgspec's definitions, when no other type has it."""
    return str(getattr(kind, "__name__", ""))


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the published JSON Schema of a type. Raises TypeError for one that has none."""
    return with_moments(msgspec.json.schema(kind), kind)

"""The formats of moments: msgspec's schema names them only for those that need a zone.

It leaves out as well that a decimal may be a number.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

ZONED = " with a zone"
"""What a format's name ends with, for the checker, where a value without a zone will not do."""
_UNFIT = re.compile(r"[^a-zA-Z0-9.\-_]")
_FORMATS = {inspect.DateTimeType: "date-time", inspect.TimeType: "time"}


def with_moments(
    schema: dict[str, Any], kind: Any, definitions: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the schema of `kind`, changed in place: each datetime and time has its format.

    `definitions`: the named schemas that it refers to, by default its own `$defs`.
    """
    named = schema.get("$defs", {}) if definitions is None else definitions
    _Marking(named).mark(schema, inspect.type_info(kind))
    return schema


class _Marking:
    """Walk a type and its schema side by side, each record once."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self._seen: set[Any] = set()

    def mark(self, part: Any, info: inspect.Type) -> None:
        info = _bare(info)
        if not isinstance(part, dict):
            return
        if type(info) in _FORMATS:
            part.setdefault("format", _FORMATS[type(info)])
        elif isinstance(info, inspect.DecimalType):
            part["type"] = ["string", "number"]
        elif isinstance(info, inspect.CollectionType):
            self.mark(part.get("items"), info.item_type)
        elif isinstance(info, inspect.DictType):
            self.mark(part.get("additionalProperties"), info.value_type)
        elif isinstance(info, inspect.UnionType):
            for each in info.types:
                self._mark_branch(part.get("anyOf", ()), _bare(each))
        elif isinstance(info, _RECORDS) and info.cls not in self._seen:
            self._seen.add(info.cls)
            properties = self._definition(info.cls).get("properties", {})
            for field in info.fields:
                self.mark(properties.get(field.encode_name), field.type)

    def _definition(self, kind: Any) -> dict[str, Any]:
        known: dict[str, dict[str, Any]] = self._definitions
        return next((known[name] for name in _names(kind) if name in known), {})

    def _mark_branch(self, branches: Any, info: inspect.Type) -> None:
        if type(info) in _FORMATS:  # the only text of its union: msgspec allows one
            branches = [branch for branch in branches if branch.get("type") == "string"]
        elif isinstance(info, inspect.DecimalType):
            branches = [branch for branch in branches if branch.get("format") == "decimal"]
        elif not isinstance(info, inspect.CollectionType | inspect.DictType):
            branches = [{}]
        for branch in branches:
            self.mark(branch, info)


def _bare(info: inspect.Type) -> inspect.Type:
    while isinstance(info, inspect.Metadata):
        info = info.type
    return info


_RECORDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)


def _names(kind: Any) -> tuple[str, str]:
    """Return what msgspec may call a type among its definitions: in short, or in full."""
    short = getattr(kind, "__name__", "")
    if hasattr(kind, "__origin__"):
        inner = ", ".join(getattr(each, "__name__", repr(each)) for each in kind.__args__)
        short = f"{kind.__origin__.__name__}[{inner}]"
    full = f"{kind.__module__}.{getattr(kind, '__qualname__', short)}"
    return _UNFIT.sub("_", short), _UNFIT.sub("_", full)


def zoned(schema: Any) -> Any:
    """Return msgspec's own schema with formats that ask for a zone where the type does."""
    if isinstance(schema, list):
        return [zoned(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: zoned(part) for key, part in schema.items()}
    if found.get("type") == "string" and found.get("format") in ("date-time", "time"):
        found["format"] += ZONED
    return found


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the schema that values of a type are checked by, whose formats know of zones.

    Raises TypeError for a type that has none.
    """
    return with_moments(zoned(msgspec.json.schema(kind)), kind)

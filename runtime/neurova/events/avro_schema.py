"""Create the Avro schema of an event class (Avro specification 1.12)."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from inspect import cleandoc
from typing import Any
from uuid import UUID

import msgspec
from msgspec import inspect

from ..errors import LoadError
from .event import Event, event_name

PRECISION, SCALE = 38, 9
"""A Decimal's total number of digits, and its number of digits after the point."""

PII = "pii"
"""The key that marks personal data: `Annotated[str, Meta(extra={"pii": True})]`."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN: dict[type[inspect.Type], Any] = {
    inspect.NoneType: "null",
    inspect.BoolType: "boolean",
    inspect.IntType: "long",
    inspect.FloatType: "double",
    inspect.StrType: "string",
    inspect.BytesType: "bytes",
    inspect.DateType: {"type": "int", "logicalType": "date"},
    inspect.TimeType: {"type": "long", "logicalType": "time-micros"},
    inspect.DateTimeType: {"type": "long", "logicalType": "timestamp-micros"},
    inspect.UUIDType: {"type": "string", "logicalType": "uuid"},
    inspect.DecimalType: {
        "type": "bytes",
        "logicalType": "decimal",
        "precision": PRECISION,
        "scale": SCALE,
    },
}
_FIX = (
    "use str, int, float, bool, bytes, date, time, datetime, Decimal, UUID, Enum, Literal, a "
    "Struct, a list, a dict with str keys, or one of these or None"
)


def avro_schema(event: type[Event]) -> dict[str, Any]:
    """Return the Avro record schema of an event class.

    Raises LoadError if the type of a field has no Avro type.
    """
    name = event_name(event)
    try:
        info = inspect.type_info(event)
    except TypeError as error:
        raise LoadError(f"event {name}: {error}", fix=_FIX) from error
    assert isinstance(info, inspect.StructType)
    return _Builder(name).record(info, name)


def has_plain_fields(event: type[Event]) -> bool:
    """Return whether the encoder accepts all fields without renaming or converting them."""
    info = inspect.type_info(event)
    assert isinstance(info, inspect.StructType)
    return all(each.name == each.encode_name and _is_plain(each.type) for each in info.fields)


def _is_plain(info: inspect.Type) -> bool:
    info = _bare(info)
    if isinstance(info, inspect.UnionType):
        return all(map(_is_plain, info.types))
    return isinstance(info, inspect.LiteralType) or (
        type(info) in _PLAIN and not isinstance(info, inspect.UUIDType)
    )


class _Builder:
    """Build one schema; Avro defines each named type once and then refers to it by name."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._namespace = event.rpartition(".")[0]
        self._defined: set[str] = set()

    def record(self, info: inspect.StructType | inspect.DataclassType, name: str) -> dict[str, Any]:
        self._defined.add(name)
        schema: dict[str, Any] = {"type": "record", "name": name}
        doc = info.cls.__dict__.get("__doc__")
        if doc:
            schema["doc"] = cleandoc(doc)
        schema["fields"] = [self._field(field, name) for field in info.fields]
        return schema

    def _field(self, field: inspect.Field, record: str) -> dict[str, Any]:
        place = f"{record}.{field.encode_name}"
        if not _NAME.fullmatch(field.encode_name):
            raise self._fault(place, "is not a valid Avro name", "use ASCII letters, digits and _")
        made: dict[str, Any] = {"name": field.encode_name, "type": self._type(field.type, place)}
        if isinstance(field.type, inspect.Metadata) and (field.type.extra or {}).get(PII):
            made[PII] = True
        if not field.required:
            default = (
                field.default_factory()
                if field.default_factory is not msgspec.NODEFAULT
                else field.default
            )
            made["default"] = self._default(made, default, place)
        return made

    def _default(self, made: dict[str, Any], default: Any, place: str) -> Any:
        """Return a default as JSON; reorder a union, whose default must match its first type."""
        if isinstance(made["type"], list):
            null_first = sorted(
                made["type"], key=lambda each: (each == "null") != (default is None)
            )
            made["type"] = null_first
        if isinstance(default, (Decimal, date, time, datetime, bytes, UUID)):
            raise self._fault(
                place, f"a default of type {type(default).__name__} is not supported", "use None"
            )
        return msgspec.json.decode(msgspec.json.encode(default))

    def _type(self, info: inspect.Type, place: str) -> Any:
        while isinstance(info, inspect.Metadata):
            info = info.type
        plain = _PLAIN.get(type(info))
        if isinstance(info, inspect.LiteralType):
            plain = "string" if all(isinstance(each, str) for each in info.values) else None
        if plain is not None:
            return plain
        match info:
            case inspect.StructType() | inspect.DataclassType():
                return self._nested(info)
            case inspect.EnumType():
                return self._enum(info.cls, place)
            case inspect.ListType() | inspect.VarTupleType() | inspect.SetType():
                return {"type": "array", "items": self._type(info.item_type, place)}
            case inspect.DictType() if isinstance(_bare(info.key_type), inspect.StrType):
                return {"type": "map", "values": self._type(info.value_type, place)}
            case inspect.UnionType():
                return self._union(info, place)
        raise self._fault(place, "its type has no Avro type", _FIX)

    def _nested(self, info: inspect.StructType | inspect.DataclassType) -> Any:
        name = f"{self._namespace}.{info.cls.__name__}"
        return name if name in self._defined else self.record(info, name)

    def _enum(self, cls: type[Enum], place: str) -> Any:
        symbols = [member.value for member in cls]
        if not all(isinstance(each, str) and _NAME.fullmatch(each) for each in symbols):
            return "string" if all(isinstance(each, str) for each in symbols) else "long"
        name = f"{self._namespace}.{cls.__name__}"
        if name in self._defined:
            return name
        self._defined.add(name)
        return {"type": "enum", "name": name, "symbols": symbols}

    def _union(self, info: inspect.UnionType, place: str) -> list[Any]:
        types = [self._type(each, place) for each in info.types]
        kinds = [each["type"] if isinstance(each, dict) else each for each in types]
        if len(set(kinds)) < len(kinds) or kinds.count("record") > 1:
            raise self._fault(place, "its union has two types that Avro cannot tell apart", _FIX)
        return types

    def _fault(self, place: str, what: str, fix: str) -> LoadError:
        return LoadError(f"event {self._event}, field {place}: {what}", fix=fix)


def _bare(info: inspect.Type) -> inspect.Type:
    return info.type if isinstance(info, inspect.Metadata) else info

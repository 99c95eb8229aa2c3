"""Which types fit where: one value, many values, or a body."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, is_typeddict
from uuid import UUID

import msgspec

SCALARS = frozenset({bool, date, datetime, Decimal, float, int, str, time, timedelta, UUID})


def _is_record(kind: type) -> bool:
    return issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind) or is_typeddict(kind)


def shape(annotation: Any) -> str | None:
    """Return "one", "many" (a list of ones), "body", or None for what cannot be bound."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, NewType):
        return shape(annotation.__supertype__)
    if origin is None:
        return _plain(annotation)
    if origin is Annotated:
        return shape(arguments[0])
    if origin is list:
        return {"one": "many", "body": "body"}.get(shape(arguments[0]) or "")
    if origin is Union or origin is UnionType:
        shapes = {shape(argument) for argument in arguments if argument is not NoneType}
        return shapes.pop() if len(shapes) == 1 else None
    return "one" if origin is Literal else _plain(origin)


def _plain(kind: Any) -> str | None:
    if not isinstance(kind, type):
        return None
    if kind in SCALARS or issubclass(kind, Enum):
        return "one"
    return "body" if kind is dict or _is_record(kind) else None


def without_none(annotation: Any) -> tuple[Any, bool]:
    """Return the type without None, and whether None was in it."""
    origin = get_origin(annotation)
    if origin is not Union and origin is not UnionType:
        return annotation, False
    arguments = get_args(annotation)
    kept = tuple(argument for argument in arguments if argument is not NoneType)
    if len(kept) == len(arguments):
        return annotation, False
    return Union[kept], True  # noqa: UP007 - built from a tuple

"""Classify parameter types: one value, many values, or a body."""

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
Form = Literal["one", "many", "body"]


def form_of(annotation: Any) -> Form | None:
    """Return the form of a type, None if it cannot be bound; "many" is a list of plain values."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, NewType):
        return form_of(annotation.__supertype__)
    if origin is None:
        return _form_of_class(annotation)
    if origin is Annotated:
        return form_of(arguments[0])
    if origin is list:
        item = form_of(arguments[0])
        return "many" if item == "one" else "body" if item == "body" else None
    if is_union(annotation):
        forms = {form_of(argument) for argument in arguments if argument is not NoneType}
        return forms.pop() if len(forms) == 1 else None
    return "one" if origin is Literal else _form_of_class(origin)


def _form_of_class(kind: Any) -> Form | None:
    if not isinstance(kind, type):
        return None
    if kind in SCALARS or issubclass(kind, Enum):
        return "one"
    is_record = (
        kind is dict
        or issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or is_typeddict(kind)
    )
    return "body" if is_record else None


def is_union(annotation: Any) -> bool:
    """Return whether a type is a union, written with `|`, Union or Optional."""
    origin = get_origin(annotation)
    return origin is Union or origin is UnionType


def strip_none(annotation: Any) -> tuple[Any, bool]:
    """Return the type without None, and whether it included None."""
    if not is_union(annotation):
        return annotation, False
    arguments = get_args(annotation)
    others = tuple(argument for argument in arguments if argument is not NoneType)
    if len(others) == len(arguments):
        return annotation, False
    return Union[others], True  # noqa: UP007 - `|` cannot join a tuple of types

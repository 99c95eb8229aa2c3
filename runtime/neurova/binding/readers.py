"""Readers of path, query, header and cookie parameters, made when a function loads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from math import isfinite
from types import NoneType
from typing import Annotated, Any, NewType, get_args, get_origin
from uuid import UUID

import msgspec

from ..http.call import Call
from ..http.query import Query
from .parameter import REQUIRED, Parameter, Read, default_maker
from .validation import MAX_FAULTS, ItemFaults
from .value_types import SCALARS, is_union

Convert = Callable[[Any], Any]
Missing = Callable[[], Any]
# Types to convert in strict mode: in lax mode, msgspec reads "0" as a time in 1970.
_STRICT = frozenset({date, datetime, time, timedelta, UUID})


class InvalidValue(ValueError):
    """A value is missing, repeated, or not finite."""


def make_reader(parameter: Parameter) -> Read:
    """Return the reader of a path, query, header or cookie parameter.

    The reader raises InvalidValue, ItemFaults or msgspec.ValidationError for an invalid value.
    """
    return _READERS[parameter.kind](parameter)


def _path_reader(parameter: Parameter) -> Read:
    name, convert = parameter.name, _converter(parameter.type)
    if convert is _identity:
        return lambda call, query: call.params[name]
    return lambda call, query: convert(call.params[name])


def _query_reader(parameter: Parameter) -> Read:
    alias, missing = parameter.alias, _missing(parameter)
    if not parameter.many:
        convert = _converter(parameter.type)
        return lambda call, query: _only(query.get(alias), convert, missing)
    convert_all = _list_converter(parameter.type)

    def read(call: Call, query: Query) -> Any:
        values = query.get(alias)
        return convert_all(values) if values else missing()

    return read


def _header_reader(parameter: Parameter) -> Read:
    name, missing, many = parameter.alias.encode("ascii"), _missing(parameter), parameter.many
    convert: Convert = (_list_converter if many else _converter)(parameter.type)

    def read(call: Call, query: Query) -> Any:
        lines = [value.decode("latin-1") for field, value in call.fields if field == name]
        if not lines:
            return missing()
        # Repeated fields form one list (RFC 9110, 5.3); empty elements are ignored (5.6.1).
        text = ", ".join(lines)
        if not many:
            return convert(text)
        return convert([item for each in text.split(",") if (item := each.strip())])

    return read


def _cookie_reader(parameter: Parameter) -> Read:
    name, missing = parameter.alias, _missing(parameter)
    convert = _converter(parameter.type)

    def read(call: Call, query: Query) -> Any:
        for field, value in call.fields:
            if field == b"cookie":
                for part in value.decode("latin-1").split(";"):
                    key, _, text = part.strip().partition("=")
                    if key == name:
                        return convert(text.strip('"'))
        return missing()

    return read


_READERS: dict[str, Callable[[Parameter], Read]] = {
    "path": _path_reader,
    "query": _query_reader,
    "header": _header_reader,
    "cookie": _cookie_reader,
}


def _only(values: list[str] | None, convert: Convert, missing: Missing) -> Any:
    if not values:
        return missing()
    if len(values) > 1:
        raise InvalidValue(f"appears {len(values)} times: send it once")
    return convert(values[0])


def _missing(parameter: Parameter) -> Missing:
    return _refuse if parameter.default is REQUIRED else default_maker(parameter.default)


def _refuse() -> Any:
    raise InvalidValue("is required")


def _identity(value: Any) -> Any:
    return value


def _converter(kind: Any) -> Convert:
    """Return the function that converts text to `kind`."""
    if kind is str:
        return _identity
    if isinstance(kind, type) and kind in SCALARS:
        return _scalar_converter(kind)
    return _make_converter(kind)


@cache
def _scalar_converter(kind: type) -> Convert:
    return _make_converter(kind)


def _make_converter(kind: Any) -> Convert:
    strict = _is_strict(kind)
    convert = msgspec.convert

    def converted(value: Any) -> Any:
        return _check_finite(convert(value, kind, strict=strict))

    return converted


def _is_strict(kind: Any) -> bool:
    """Return whether msgspec must convert a type in strict mode."""
    if isinstance(kind, NewType):
        return _is_strict(kind.__supertype__)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated or origin is list:
        return _is_strict(arguments[0])
    if is_union(kind):
        return all(argument is NoneType or _is_strict(argument) for argument in arguments)
    return isinstance(kind, type) and kind in _STRICT


def _check_finite(value: Any) -> Any:
    for number in value if type(value) is list else (value,):
        if isinstance(number, Decimal):  # `isfinite` converts to float, which could overflow
            finite = number.is_finite()
        else:
            finite = not isinstance(number, float) or isfinite(number)
        if not finite:
            raise InvalidValue("Expected a finite number")
    return value


def _list_converter(kind: Any) -> Callable[[list[str]], Any]:
    """Return a function that converts strings to a list; it raises ItemFaults for bad items."""
    convert, bare = _converter(kind), kind
    while isinstance(bare, NewType) or get_origin(bare) is Annotated:
        bare = bare.__supertype__ if isinstance(bare, NewType) else get_args(bare)[0]
    convert_item = _converter(get_args(bare)[0])

    def converted(texts: list[str]) -> Any:
        try:
            return convert(texts)
        except (msgspec.ValidationError, InvalidValue):
            faults = _item_faults(texts, convert_item)
            if not faults:  # the items are valid but the list is not: it may be too long
                raise
            raise ItemFaults(faults) from None

    return converted


def _item_faults(texts: list[str], convert: Convert) -> list[tuple[int, Exception]]:
    faults: list[tuple[int, Exception]] = []
    for index, text in enumerate(texts):
        try:
            convert(text)
        except (msgspec.ValidationError, InvalidValue) as error:
            faults.append((index, error))
        if len(faults) == MAX_FAULTS:
            break
    return faults

"""Reading one parameter out of a call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, NewType, Union, get_args, get_origin
from uuid import UUID

import msgspec

from ..http.call import Call
from ..http.query import Query
from .parameter import REQUIRED, Parameter, Read
from .shapes import SCALARS
from .validation import FAULTS, Several

# Read as written: lax conversion would take "0" for a moment in 1970.
_AS_WRITTEN = frozenset({date, datetime, time, timedelta, UUID})


class Wrong(ValueError):
    """A value that is not there, not one, or not a number."""


def _converter(kind: Any) -> Callable[[Any], Any]:
    """Return what converts text to `kind`; the plain types share theirs."""
    if isinstance(kind, type) and kind in SCALARS:
        if kind not in _SHARED:
            _SHARED[kind] = _convert(kind)
        return _SHARED[kind]
    return _convert(kind)


def _convert(kind: Any) -> Callable[[Any], Any]:
    strict = _as_written(kind)
    convert = msgspec.convert

    def converted(value: Any) -> Any:
        return _finite(convert(value, kind, strict=strict))

    return converted


def _as_written(kind: Any) -> bool:
    """Tell whether all that a type may be is read as written."""
    if isinstance(kind, NewType):
        return _as_written(kind.__supertype__)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated or origin is list:
        return _as_written(arguments[0])
    if origin is Union or origin is UnionType:
        return all(argument is NoneType or _as_written(argument) for argument in arguments)
    return isinstance(kind, type) and kind in _AS_WRITTEN


def _same(value: Any) -> Any:
    return value


_SHARED: dict[type, Callable[[Any], Any]] = {str: _same}


def _finite(value: Any) -> Any:
    for number in value if type(value) is list else (value,):
        if isinstance(number, Decimal):  # as a float a large one has no end, a NaN may raise
            finite = number.is_finite()
        else:
            finite = not isinstance(number, float) or isfinite(number)
        if not finite:
            raise Wrong("Expected a finite number")
    return value


def _all_of(kind: Any) -> Callable[[list[str]], Any]:
    """Return what converts texts to a list type and, of those that do not fit, names each."""
    convert, item = _converter(kind), kind
    while isinstance(item, NewType) or get_origin(item) is Annotated:
        item = item.__supertype__ if isinstance(item, NewType) else get_args(item)[0]
    convert_one = _converter(get_args(item)[0])

    def converted(texts: list[str]) -> Any:
        try:
            return convert(texts)
        except (msgspec.ValidationError, Wrong):
            faults: list[tuple[int, Exception]] = []
            for at, text in enumerate(texts):
                try:
                    convert_one(text)
                except (msgspec.ValidationError, Wrong) as error:
                    faults.append((at, error))
                if len(faults) == FAULTS:
                    break
            if not faults:  # it is the list that does not fit
                raise
            raise Several(faults) from None

    return converted


def _one(values: list[str] | None, convert: Callable[[Any], Any], default: Any) -> Any:
    if not values:
        if default is REQUIRED:
            raise Wrong("is required")
        return default.copy() if type(default) is list else default
    if len(values) > 1:
        raise Wrong(f"is given {len(values)} times: give it once")
    return convert(values[0])


def _path(parameter: Parameter) -> Read:
    name, convert = parameter.name, _converter(parameter.type)
    if convert is _same:
        return lambda call, query: call.params[name]
    return lambda call, query: convert(call.params[name])


def _query(parameter: Parameter) -> Read:
    alias, default = parameter.alias, parameter.default
    if parameter.many:
        convert = _all_of(parameter.type)

        def many(call: Call, query: Query) -> Any:
            values = query.get(alias)
            return convert(values) if values else _one(None, convert, default)

        return many
    convert = _converter(parameter.type)
    return lambda call, query: _one(query.get(alias), convert, default)


def _header(parameter: Parameter) -> Read:
    name, default = parameter.alias.encode("ascii"), parameter.default
    many = parameter.many
    convert: Callable[[Any], Any] = (_all_of if many else _converter)(parameter.type)

    def read(call: Call, query: Query) -> Any:
        found = [value.decode("latin-1") for field, value in call.fields if field == name]
        if not found:
            return _one(None, convert, default)
        # RFC 9110, 5.3: several lines of one name are one list.
        text = ", ".join(found)
        # 5.6.1: an empty element is none.
        parts = [part for each in text.split(",") if (part := each.strip())] if many else text
        return convert(parts)

    return read


def _cookie(parameter: Parameter) -> Read:
    name, default = parameter.alias, parameter.default
    convert = _converter(parameter.type)

    def read(call: Call, query: Query) -> Any:
        for field, value in call.fields:
            if field == b"cookie":
                for part in value.decode("latin-1").split(";"):
                    key, _, text = part.strip().partition("=")
                    if key == name:
                        return convert(text.strip('"'))
        return _one(None, convert, default)

    return read


_READERS = {"path": _path, "query": _query, "header": _header, "cookie": _cookie}


def reader(parameter: Parameter) -> Read:
    """Return what reads a path, query, header or cookie parameter.

    It raises Wrong or msgspec.ValidationError for a value that does not fit.
    """
    return _READERS[parameter.kind](parameter)

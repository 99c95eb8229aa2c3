"""Store times and decimals in SQLite as PostgreSQL does, or refuse them.

SQLite has neither type. It stores times as text, and decimals as double-precision numbers, which
represent and order up to 15 digits exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    Date,
    DateTime,
    Dialect,
    Float,
    Integer,
    Interval,
    Numeric,
    Time,
)
from sqlalchemy.dialects.sqlite import DATETIME, TIME
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import CompileError
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, Grouping

from ..times import check_zone

MAX_DIGITS = 15
_CONTEXT = Context(prec=400, rounding=ROUND_HALF_UP)
_ARITHMETIC = (operators.add, operators.sub, operators.mul, operators.truediv, operators.mod)
_TIMES = (Date, DateTime, Interval, Time)

Convert = Callable[[Any], Any]


class _DateTime(DATETIME):
    """Store an instant as text in UTC, so that comparing the text compares the instants."""

    def bind_processor(self, dialect: Dialect) -> Convert:
        to_text: Any = super().bind_processor(dialect)
        zoned = self.timezone

        def process(value: datetime | None) -> Any:
            check_zone(value, zoned=zoned)
            return to_text(value.astimezone(UTC) if zoned and value is not None else value)

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        to_datetime: Any = super().result_processor(dialect, coltype)
        zone = UTC if self.timezone else None
        return lambda value: None if value is None else to_datetime(value).replace(tzinfo=zone)


class _Time(TIME):
    """Refuse a time with a zone, because SQLAlchemy would drop the zone."""

    def bind_processor(self, dialect: Dialect) -> Convert:
        to_text: Any = super().bind_processor(dialect)  # type: ignore[no-untyped-call]  # SQLAlchemy has no type for it

        def process(value: time | None) -> Any:
            check_zone(value, zoned=False)
            return to_text(value)

        return process


class _Float(Float[Any]):
    """Refuse NaN, which SQLite stores as NULL."""

    def bind_processor(self, dialect: Dialect) -> Convert:
        def process(value: Any) -> float | None:
            if value is not None and math.isnan(value):
                raise ValueError("SQLite cannot store NaN")
            return None if value is None else float(value)

        return process


class _Numeric(Numeric[Any]):
    """Round to the scale, and refuse numbers that SQLite cannot store exactly."""

    def bind_processor(self, dialect: Dialect) -> Convert:
        precision, scale = self.precision, _declared_scale(self)

        def process(value: Any) -> float | None:
            return None if value is None else float(_checked(value, precision, scale))

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert | None:
        if not self.asdecimal:
            return None
        smallest = Decimal(1).scaleb(-(_declared_scale(self) or 0))

        def process(value: Any) -> Decimal | None:
            if value is None:
                return None
            # A stored value has at most MAX_DIGITS digits; more come from inexact arithmetic.
            number = Decimal(f"{value:.{MAX_DIGITS}g}" if isinstance(value, float) else value)
            has_more = number.as_tuple().exponent <= smallest.as_tuple().exponent  # type: ignore[operator]  # int: both are finite
            return number if has_more else number.quantize(smallest, context=_CONTEXT)

        return process


COLUMN_TYPES = {
    DateTime: _DateTime,
    TIMESTAMP: _DateTime,
    Time: _Time,
    Float: _Float,
    Numeric: _Numeric,
}
"""The type to use for each SQLAlchemy type."""


class SqliteCompiler(SQLiteCompiler):
    """Round sums and products of decimals, so that they compare like exact results."""

    def visit_binary(self, binary: BinaryExpression[Any], *args: Any, **options: Any) -> str:
        """Return the SQL of a binary expression. Raises CompileError for arithmetic on times."""
        sql: str = super().visit_binary(binary, *args, **options)  # type: ignore[no-untyped-call]  # SQLAlchemy has no type for it
        if binary.operator not in _ARITHMETIC:
            return sql
        if isinstance(binary.left.type, _TIMES) or isinstance(binary.right.type, _TIMES):
            raise CompileError("SQLite cannot calculate with dates and times: do it in Python")
        scale = _scale(binary)
        return f"round({sql}, {scale})" if scale else sql

    def visit_sum_func(self, func: Any, **options: Any) -> str:
        """Return the SQL of a sum."""
        sql, scale = f"sum{self.function_argspec(func, **options)}", _scale(func)
        return f"round({sql}, {scale})" if scale else sql


def _declared_scale(kind: Any) -> int | None:
    """Return a type's number of digits after the decimal point, None if it varies."""
    if isinstance(kind, Numeric) and not isinstance(kind, Float):
        return 0 if kind.scale is None and kind.precision is not None else kind.scale
    return 0 if isinstance(kind, Integer) else None


def _scale(expression: Any) -> int | None:
    """Return the number of decimals of an exact result, None if it varies."""
    if isinstance(expression, Grouping):
        return _scale(expression.element)
    if not isinstance(expression, BinaryExpression):
        return _declared_scale(expression.type)
    left, right = _scale(expression.left), _scale(expression.right)
    if left is None or right is None:
        return None
    if expression.operator is operators.mul:
        return left + right
    return max(left, right) if expression.operator in (operators.add, operators.sub) else None


def _checked(value: Any, precision: int | None, scale: int | None) -> Decimal:
    """Return a number rounded to its scale. Raises ValueError if SQLite cannot store it exactly."""
    number = Decimal(repr(value) if isinstance(value, float) else value)
    if not number.is_finite():
        raise ValueError("SQLite cannot store NaN or an infinite Numeric")
    if scale is not None:
        number = number.quantize(Decimal(1).scaleb(-scale), context=_CONTEXT)
        if precision is not None and number.adjusted() >= precision - scale and number:
            raise ValueError(f"the number does not fit Numeric({precision}, {scale})")
    if len(number.normalize(_CONTEXT).as_tuple().digits) > MAX_DIGITS:
        raise ValueError(
            f"SQLite stores at most {MAX_DIGITS} digits of a Numeric: use PostgreSQL, or an "
            "Integer of the smallest unit"
        )
    return number

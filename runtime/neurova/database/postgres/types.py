"""Refuse times whose zone does not fit the column: asyncpg would assume the machine's zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import DateTime, Dialect, Time
from sqlalchemy.dialects.postgresql.asyncpg import AsyncpgDateTime, AsyncpgTime
from sqlalchemy.types import TypeEngine

from ..times import check_zone


class _Checked:
    """Check the zone of each value."""

    timezone: bool

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        zoned = self.timezone

        def process(value: Any) -> Any:
            check_zone(value, zoned=zoned)
            return value

        return process


class _DateTime(_Checked, AsyncpgDateTime):
    pass


class _Time(_Checked, AsyncpgTime):
    pass


COLUMN_TYPES: dict[type[TypeEngine[Any]], type[TypeEngine[Any]]] = {
    DateTime: _DateTime,
    Time: _Time,
}
"""The type to use for each SQLAlchemy type."""

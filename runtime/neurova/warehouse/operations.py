"""The operations on a warehouse, in the process that has it open or through a socket."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from .archive import Archive, DayCheck
from .base import Limits, Result, Table, Warehouse
from .sink import Policy


class TableState(NamedTuple):
    """A table, its number of rows, and its days."""

    table: Table
    rows: int
    days: int


class Operations(Protocol):
    """The operations on a warehouse; they block. They raise the errors of `Warehouse`."""

    def query(self, sql: str, parameters: Mapping[str, Any], rows: int) -> Result:
        """Return the answer of one SELECT, at most `rows` rows."""
        ...

    def export(self, sql: str, parameters: Mapping[str, Any], file: Path) -> None:
        """Write the answer of one SELECT into a Parquet file."""
        ...

    def tables(self) -> list[TableState]:
        """Return the state of each table."""
        ...

    def archive(self) -> int:
        """Archive the new rows; return the number of new files."""
        ...

    def backfill(self) -> dict[str, int]:
        """Store archived rows that are missing; return their number by table."""
        ...

    def verify(self) -> list[DayCheck]:
        """Compare each day with the archive."""
        ...

    def forget(self, values: Sequence[str]) -> dict[str, int]:
        """Remove a person, identified by any of `values`, from tables and archive.

        Return the number of changed days by table.
        """
        ...


class LocalOperations:
    """The operations on a warehouse that this process has open."""

    def __init__(
        self, warehouse: Warehouse, archive: Archive, policy: Callable[[], Policy], limits: Limits
    ) -> None:
        self._warehouse = warehouse
        self._archive = archive
        self._policy = policy
        self._limits = limits
        self.writing = threading.Lock()  # held by the one thread that writes

    def close(self) -> None:
        """Close the warehouse when the last write has ended."""
        with self.writing:
            self._warehouse.close()

    def query(self, sql: str, parameters: Mapping[str, Any], rows: int) -> Result:
        """Return the answer of one SELECT."""
        limits = self._limits._replace(rows=min(rows, self._limits.rows))
        return self._warehouse.query(sql, parameters, limits)

    def export(self, sql: str, parameters: Mapping[str, Any], file: Path) -> None:
        """Write the answer of one SELECT into a Parquet file."""
        self._warehouse.export(sql, parameters, self._limits, file)

    def tables(self) -> list[TableState]:
        """Return the state of each table."""
        found = []
        for table in self._warehouse.tables():
            days = self._warehouse.days(table.name)
            found.append(TableState(table, sum(each.rows for each in days), len(days)))
        return found

    def archive(self, seconds: float = math.inf) -> int:
        """Archive the new rows, for at most `seconds`."""
        with self.writing:
            return self._archive.write(self._warehouse, seconds)

    def backfill(self) -> dict[str, int]:
        """Store archived rows that are missing."""
        with self.writing:
            return self._archive.backfill(self._warehouse)

    def verify(self) -> list[DayCheck]:
        """Compare each day with the archive."""
        with self.writing:
            return list(self._archive.verify(self._warehouse))

    def forget(self, values: Sequence[str]) -> dict[str, int]:
        """Remove a person from tables and archive."""
        known = [*values, *map(self._policy().hash, values)]
        changed = {}
        with self.writing:
            for table in self._warehouse.tables():
                days = self._warehouse.forget(table, known)
                for day in days:
                    self._archive.rewrite(self._warehouse, table.name, day)
                if days:
                    changed[table.name] = len(days)
            if changed:
                self._warehouse.compact()
        return changed


class Request(msgspec.Struct, frozen=True):
    """A call of an operation through the socket."""

    operation: str
    arguments: dict[str, Any] = {}


RETURNS: dict[str, Any] = {
    "query": Result,
    "export": None,
    "tables": list[TableState],
    "archive": int,
    "backfill": dict[str, int],
    "verify": list[DayCheck],
    "forget": dict[str, int],
}
"""The operations that the socket offers, and the types of their results."""

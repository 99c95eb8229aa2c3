"""The interface that each backend of the warehouse implements, and its types.

A table `X` is stored as `nv_X` and read as the view `X`. Each row has an id, a time and the id of
a trace. A row with the id and time of a stored row is a duplicate and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from ..errors import NeurovaError

Kind = Literal["boolean", "long", "double", "decimal", "date", "timestamp", "text"]
"""The type of a column. Values of other types are stored as JSON in a text."""
STORED = "nv_"
"""The prefix of the tables that hold the rows."""
MAX_ROWS = 100_000
"""The maximum number of rows in one result."""


class QueryRefused(NeurovaError):
    """A query is invalid, or is not a single SELECT from tables of the warehouse."""


class QueryStopped(NeurovaError):
    """A query needed more time or memory than is allowed."""


class Column(NamedTuple):
    """A column; `pii` marks values that identify a person."""

    name: str
    kind: Kind
    pii: bool = False


SYSTEM = (Column("_id", "text"), Column("_time", "timestamp"), Column("_trace_id", "text"))
"""The columns of every table: the event's id, its time (UTC), and the trace of its call."""
BATCH = Column("_batch", "long")
"""The number of the batch that inserted a row; later batches have larger numbers."""


class Table(NamedTuple):
    """The name of a table and its columns, without those in `SYSTEM`."""

    name: str
    columns: tuple[Column, ...]


class Rows(NamedTuple):
    """Rows to insert, one JSON object by stored column per line, and the range of their times."""

    table: Table
    lines: bytes
    first: str
    last: str
    names: tuple[str, ...]


class Result(NamedTuple):
    """The result of a query; `is_complete` is false if there were more rows."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    is_complete: bool = True


class Limits(NamedTuple):
    """The limits of one query: seconds, bytes of memory, and rows of the result."""

    seconds: float = 10.0
    memory: int = 512 << 20
    rows: int = MAX_ROWS


class Day(NamedTuple):
    """The rows of one day (UTC) in a table: how many, and the number of the last batch."""

    day: date
    rows: int
    batch: int


class Warehouse(Protocol):
    """Store and query tables. Methods block, and raise Unavailable or StateError.

    Only one thread of one process may write at a time; any thread may query.
    """

    def tables(self) -> list[Table]:
        """Return the stored tables, sorted, with their stored columns but without `SYSTEM`."""
        ...

    def extend(self, table: str, columns: Sequence[Column]) -> None:
        """Create a table if it is missing, add the columns, and redefine its view."""
        ...

    def insert(self, rows: Sequence[Rows]) -> None:
        """Store rows; skip rows whose id and time are already stored."""
        ...

    def query(self, sql: str, parameters: Mapping[str, Any], limits: Limits) -> Result:
        """Run one SELECT, in which `$name` is a parameter.

        Raises QueryRefused and QueryStopped.
        """
        ...

    def export(self, sql: str, parameters: Mapping[str, Any], limits: Limits, file: Path) -> None:
        """Write the result of one SELECT into a Parquet file. Raises the errors of `query`."""
        ...

    def days(self, table: str) -> list[Day]:
        """Return the days of a table, sorted."""
        ...

    def write_part(self, table: str, day: date, after: int, file: Path) -> None:
        """Write the rows of a day from batches after `after` into a Parquet file."""
        ...

    def read_part(self, table: Table, file: Path) -> None:
        """Store the rows of a Parquet file; skip rows that are already stored.

        `table` has the columns of the file. Raises StateError for a file that cannot be read.
        """
        ...

    def count_part_rows(self, table: Table, files: Iterable[Path]) -> int:
        """Return the number of different rows in the Parquet files of one day."""
        ...

    def forget(self, table: Table, values: Sequence[str]) -> list[date]:
        """Set all pii columns to NULL in the rows that have one of `values` in any of them.

        Return the days of these rows.
        """
        ...

    def compact(self) -> None:
        """Remove forgotten values from the files of the warehouse too."""
        ...

    def close(self) -> None:
        """Close the warehouse."""
        ...


def table_of(event: str) -> str:
    """Return the name of an event's table: "booking_Created" for "booking.Created"."""
    return event.replace(".", "_")

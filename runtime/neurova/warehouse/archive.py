"""The archive: Parquet files `<table>/<day>/<batch>.parquet`.

`batch` is the number of the last batch in the file, so the file names of a day say which batches
are archived. Rows that arrive late go into another file of their day.
"""

from __future__ import annotations

import math
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..errors import StateError
from .base import Table, Warehouse

COLUMNS = "columns.json"
MAX_PARTS = 24
"""A day with more files than this is rewritten as one file."""


class DayCheck(NamedTuple):
    """The numbers of rows of one day in table and archive, and the fault ("" if none)."""

    table: str
    day: date
    rows: int
    archived: int
    fault: str = ""


class Archive:
    """Copy the rows of a warehouse into Parquet files in `folder`, and back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, warehouse: Warehouse, seconds: float = math.inf) -> int:
        """Archive the rows stored since the last call; return the number of new files.

        Stop after `seconds`; the next call continues. Raises StateError if the disk is full, and
        keeps the files written before.
        """
        count, end = 0, time.monotonic() + seconds
        for table in warehouse.tables():
            parts = self.parts(table.name)
            for day, _, batch in warehouse.days(table.name):
                files = parts.get(day, [])
                after = _batch(files[-1]) if files else -1
                if batch <= after:
                    continue
                if time.monotonic() > end:
                    return count
                self._write_columns(table)
                if len(files) >= MAX_PARTS:
                    self.rewrite(warehouse, table.name, day)
                else:
                    with self._new_part(table.name, day, batch) as file:
                        warehouse.write_part(table.name, day, after, file)
                count += 1
        return count

    def rewrite(self, warehouse: Warehouse, table: str, day: date) -> None:
        """Replace the files of one day by its rows in the table."""
        old = self.parts(table).get(day, [])
        for found in warehouse.days(table):
            if found.day == day:
                with self._new_part(table, day, found.batch) as file:
                    warehouse.write_part(table, day, -1, file)
                old = [each for each in old if _batch(each) != found.batch]
        for each in old:
            each.unlink()

    def backfill(self, warehouse: Warehouse) -> dict[str, int]:
        """Store all archived rows that the warehouse lacks; return their number by table."""
        added = {}
        for table in self.tables():
            warehouse.extend(table.name, table.columns)
            before = _count(warehouse, table.name)
            for files in self.parts(table.name).values():
                for file in files:
                    warehouse.read_part(table, file)
            added[table.name] = _count(warehouse, table.name) - before
        return added

    def verify(self, warehouse: Warehouse) -> Iterator[DayCheck]:
        """Compare each day of each table with the archive."""
        stored = {table.name: table for table in warehouse.tables()}
        for table in {**{each.name: each for each in self.tables()}, **stored}.values():
            days = {}
            if table.name in stored:
                days = {each.day: each.rows for each in warehouse.days(table.name)}
            parts = self.parts(table.name)
            for day in sorted({*days, *parts}):
                rows, archived, fault = days.get(day, 0), 0, ""
                try:
                    if day in parts:
                        archived = warehouse.count_part_rows(table, parts[day])
                    if archived > rows:
                        fault = "rows are missing: run `neurova warehouse backfill`"
                except StateError as error:
                    fault = str(error)
                yield DayCheck(table.name, day, rows, archived, fault)

    def tables(self) -> list[Table]:
        """Return the archived tables with their stored columns."""
        files = sorted(self._folder.glob(f"*/{COLUMNS}"))
        return [msgspec.json.decode(file.read_bytes(), type=Table) for file in files]

    def parts(self, table: str) -> dict[date, list[Path]]:
        """Return the files of each day of a table."""
        return {
            date.fromisoformat(folder.name): files
            for folder in sorted((self._folder / table).glob("????-??-??"))
            if (files := sorted(folder.glob("*.parquet"), key=_batch))
        }

    def _write_columns(self, table: Table) -> None:
        file = self._folder / table.name / COLUMNS
        text = msgspec.json.encode(table)
        if not file.exists() or file.read_bytes() != text:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = file.with_suffix(".new")
            temporary.write_bytes(text)
            temporary.replace(file)

    @contextmanager
    def _new_part(self, table: str, day: date, batch: int) -> Iterator[Path]:
        """Yield a temporary path; rename the file when it is complete."""
        folder = self._folder / table / day.isoformat()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = folder / f".{secrets.token_hex(6)}.new"
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(folder / f"{batch}.parquet")
        finally:
            temporary.unlink(missing_ok=True)


def _batch(file: Path) -> int:
    return int(file.stem)


def _count(warehouse: Warehouse, table: str) -> int:
    return sum(each.rows for each in warehouse.days(table))

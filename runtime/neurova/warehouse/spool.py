"""Pass rows from all processes, through files, to the process that writes the warehouse.

A process appends rows to the open file of a table. The writer seals the file, so that the next
append starts a new file, then stores the rows and deletes the file. The id of a row is made from
the name of the sealed file and the line, so a file that is read twice counts once.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..files.lines import append_lines
from ..files.locks import folder_lock
from .base import Column, Table

OPEN, SEALED = ".open", ".sealed"
CHUNK = 20_000  # rows
Row = tuple[Any, ...]
"""The Unix time, the trace id, and a value for each column."""

CALLS = Table(
    "calls",
    (
        Column("function", "text"),
        Column("method", "text"),
        Column("status", "long"),
        Column("ms", "double"),
        Column("bytes", "long"),
        Column("consumer", "text"),
        Column("key_id", "text"),
    ),
)
"""The answered calls. They hold no path and no address, which may identify a person."""

_MODEL = (Column("model", "text"), Column("features", "text"), Column("inputs_hash", "text"))
PREDICTIONS = Table(
    "model_predictions",
    (
        *_MODEL,
        Column("alias", "text"),
        Column("version", "text"),
        Column("value", "double"),
        Column("ms", "double"),
        Column("fallback", "boolean"),
        Column("function", "text"),
    ),
)
TRUTHS = Table("model_truths", (*_MODEL, Column("value", "double")))
SPOOLED = {each.name: each for each in (CALLS, PREDICTIONS, TRUTHS)}
"""The tables whose rows are spooled."""


class SpoolFull(OSError):
    """The spool has reached its size limit: no process has stored its rows for some time."""


class Chunk(NamedTuple):
    """Rows of a sealed file, as JSON values by column."""

    table: Table
    rows: list[dict[str, Any]]


class Spool:
    """Append rows to files in `folder`, which together hold at most `max_bytes`."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._names: dict[Table, str] = {}

    def record(self, table: Table, rows: Sequence[Row]) -> None:
        """Append rows of a table. Raises OSError; SpoolFull if the writer does not keep up.

        Any thread and process may call it. It takes about 1 µs a row.
        """
        name = self._names.get(table) or self._name(table)
        if self._size() > self._max_bytes:
            raise SpoolFull("the spool of the warehouse is full")
        lines = msgspec.json.Encoder(decimal_format="string").encode_lines(rows)
        with folder_lock(self._folder):  # a sealed file must not receive more lines
            append_lines(self._folder / name, lines)

    def record_values(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows given by column, with `time` and `trace_id`; see `record`."""
        names = [each.name for each in table.columns]
        texts = {each.name for each in table.columns if each.kind == "text"}
        self.record(
            table,
            [
                (
                    row["time"],
                    row.get("trace_id", ""),
                    *(_plain(row.get(name), name in texts) for name in names),
                )
                for row in rows
            ],
        )

    def seal(self) -> list[Path]:
        """Close the open files to further rows; return all sealed files, oldest first."""
        if not self._folder.exists():
            return []
        with folder_lock(self._folder):
            for path in self._folder.glob(f"*{OPEN}"):
                path.rename(path.with_suffix(f".{secrets.token_hex(6)}{SEALED}"))
        found = list(self._folder.glob(f"*{SEALED}"))
        return sorted(found, key=lambda each: (each.stat().st_mtime_ns, each))

    def read(self, path: Path) -> Iterator[Chunk]:
        """Yield the rows of a sealed file; skip lines that a full disk has truncated."""
        name, unique = path.name.split(".")[:2]
        table = self._table(name)
        rows: list[dict[str, Any]] = []
        with path.open("rb") as file:
            for number, line in enumerate(file):
                try:
                    time, trace_id, *values = msgspec.json.decode(line)
                    row = {
                        column.name: value
                        for column, value in zip(table.columns, values, strict=True)
                    }
                    row |= {"_id": f"{unique}:{number}", "_time": iso_time(time)}
                except (msgspec.DecodeError, ValueError, TypeError):
                    continue
                row["_trace_id"] = trace_id
                rows.append(row)
                if len(rows) == CHUNK:
                    yield Chunk(table, rows)
                    rows = []
        if rows:
            yield Chunk(table, rows)

    def _name(self, table: Table) -> str:
        """Return the file name for a table and its columns; write a file of columns if missing."""
        columns = msgspec.json.encode(table)
        digest = hashlib.sha256(columns).hexdigest()[:12]
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        definition = self._folder / f"{digest}.columns"
        if not definition.exists():
            temporary = definition.with_suffix(f".{secrets.token_hex(6)}")
            temporary.write_bytes(columns)
            temporary.replace(definition)
        return self._names.setdefault(table, f"{digest}{OPEN}")

    def _table(self, digest: str) -> Table:
        text = (self._folder / f"{digest}.columns").read_bytes()
        return msgspec.json.decode(text, type=Table)

    def _size(self) -> int:
        with os.scandir(self._folder) as entries:
            return sum(each.stat().st_size for each in entries)


def _plain(value: Any, is_text: bool) -> Any:
    """Return a value for a column; in a text column, encode other types as JSON."""
    if is_text and value is not None and not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return value


@lru_cache(maxsize=4096)
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso_time(time: float) -> str:
    """Return a Unix time in microseconds of UTC, as text."""
    micros = round(time * 1_000_000)
    return f"{_iso_second(micros // 1_000_000)}.{micros % 1_000_000:06d}"

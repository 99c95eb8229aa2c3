"""Store events and spooled rows in a warehouse, as its only writer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from ..bus.base import Message
from ..events.codec import FindSchema, UndecodableEvent, schema_id
from . import columns as plan
from .base import BATCH, SYSTEM, Column, Rows, Table, Warehouse, table_of
from .decoder import Decode, decoder_of
from .spool import Spool, iso_time

Action = Literal["hash", "drop"]


class Policy:
    """Hash or drop the values of columns marked `pii`.

    Equal values have equal hashes, so that rows of a person can be counted and forgotten. Without
    the key, nobody can compute the hashes from a list of names.
    """

    def __init__(self, action: Action, key: bytes) -> None:
        self._action = action
        self._key = key[:64]
        self.hash = lru_cache(maxsize=10_000)(self._hash)

    def keep(self, columns: Iterable[Column]) -> tuple[Column, ...]:
        """Return the columns to store; hashed columns become text columns."""
        kept = [each for each in columns if not (each.pii and self._action == "drop")]
        return tuple(each._replace(kind="text") if each.pii else each for each in kept)

    def apply(self, personal: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
        """Replace or remove the values of the columns `personal`, in place."""
        for row in rows:
            for name in personal:
                value = row.pop(name, None)
                if self._action == "hash":
                    row[name] = None if value in (None, "") else self.hash(str(value))

    def _hash(self, value: str) -> str:
        return hashlib.blake2b(value.encode(), key=self._key, digest_size=16).hexdigest()


class _Source(NamedTuple):
    """How the rows of one schema are stored."""

    table: Table  # with stored columns
    stored: dict[str, str]  # stored column by column, where the names differ
    personal: tuple[str, ...]
    decode: Decode | None


class Sink:
    """Write into a warehouse. Methods block; call them from one thread at a time.

    `find_schema` returns an Avro schema by its id; it must know the schemas of all messages.
    """

    def __init__(self, warehouse: Warehouse, policy: Policy, find_schema: FindSchema) -> None:
        self.warehouse = warehouse
        self.policy = policy
        self._find_schema = find_schema
        self._sources: dict[object, _Source] = {}
        self._last_batch = 0

    def prepare(self, event: str, schema: str) -> None:
        """Create the table of an event, so that reports can read it before the first event."""
        self._event_source(event, schema)

    def prepare_table(self, table: Table) -> None:
        """Create the table of spooled rows."""
        self._spooled_source(table)

    def store(self, messages: Iterable[Message]) -> list[tuple[Message, UndecodableEvent]]:
        """Store events, each once; return the events that can never be decoded."""
        groups: dict[tuple[str, int], dict[str, Message]] = {}
        failed: list[tuple[Message, UndecodableEvent]] = []
        for message in messages:
            try:
                key = message.event, schema_id(message.body)
            except UndecodableEvent as error:
                failed.append((message, error))
            else:
                groups.setdefault(key, {})[message.id] = message
        batch, found = self._next_batch(), []
        for (event, id), group in groups.items():
            try:
                source = self._event_source(event, self._find_schema(id))
            except (UndecodableEvent, plan.UnusableSchema) as error:
                undecodable = UndecodableEvent(error.what, where=error.where, fix=error.fix)
                failed += [(message, undecodable) for message in group.values()]
                continue
            rows = self._decode(source, group.values(), failed)
            if rows:
                found.append(self._rows(source, rows, batch))
        if found:
            self.warehouse.insert(found)
        return failed

    def drain(self, spool: Spool) -> int:
        """Store the rows that processes have spooled; return their number."""
        count = 0
        for path in spool.seal():
            for table, rows in spool.read(path):
                source = self._spooled_source(table)
                self.warehouse.insert([self._rows(source, rows, self._next_batch())])
                count += len(rows)
            with suppress(FileNotFoundError):
                Path(path).unlink()
        return count

    def _spooled_source(self, table: Table) -> _Source:
        source = self._sources.get(table)
        if source is None:
            source = self._sources[table] = self._make_source(table.name, table.columns)
        return source

    def _event_source(self, event: str, schema: str) -> _Source:
        key = event, schema
        source = self._sources.get(key)
        if source is None:
            columns = plan.columns_of(msgspec.json.decode(schema))
            source = self._make_source(table_of(event), columns, decoder_of(schema))
            self._sources[key] = source
        return source

    def _make_source(
        self, name: str, columns: Sequence[Column], decode: Decode | None = None
    ) -> _Source:
        """Create or extend the table for these columns."""
        kept = self.policy.keep(columns)
        known = {each.name: each for each in self.warehouse.tables()}
        placed = plan.place(known[name].columns if name in known else (), kept)
        table = Table(plan.check_name(name), tuple(placed.values()))
        if name not in known or not set(table.columns) <= set(known[name].columns):
            self.warehouse.extend(name, table.columns)
        renamed = {old: new.name for old, new in placed.items() if old != new.name}
        return _Source(table, renamed, tuple(each.name for each in columns if each.pii), decode)

    def _decode(
        self,
        source: _Source,
        messages: Iterable[Message],
        failed: list[tuple[Message, UndecodableEvent]],
    ) -> list[dict[str, Any]]:
        rows = []
        decode = source.decode
        assert decode is not None  # `_event_source` sets it
        for message in messages:
            try:
                row = decode(message.body)
            except UndecodableEvent as error:
                failed.append((message, error))
                continue
            row["_id"] = message.id
            row["_time"] = iso_time(message.time)
            row["_trace_id"] = message.trace_id
            rows.append(row)
        return rows

    def _rows(self, source: _Source, rows: list[dict[str, Any]], batch: int) -> Rows:
        if source.personal:
            self.policy.apply(source.personal, rows)
        for row in rows:
            row["_batch"] = batch
            for old, new in source.stored.items():
                row[new] = row.pop(old)
        times = [row["_time"] for row in rows]
        names = tuple(each.name for each in (*SYSTEM, BATCH, *source.table.columns))
        lines = _ENCODER.encode_lines(rows)
        return Rows(source.table, lines, min(times), max(times), names)

    def _next_batch(self) -> int:
        """Return the time in microseconds, but always more than the number of the last batch."""
        self._last_batch = max(self._last_batch + 1, time.time_ns() // 1000)
        return self._last_batch


_ENCODER = msgspec.json.Encoder(decimal_format="string")


def describe(table: Table) -> Mapping[str, Any]:
    """Return a table as JSON values."""
    return {"name": table.name, "columns": [each._asdict() for each in table.columns]}

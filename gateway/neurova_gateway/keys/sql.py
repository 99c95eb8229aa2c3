"""The SQL key store: the statements that SQLite and PostgreSQL share."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from neurova.errors import StateError

from .base import ConsumerRecord, KeyRecord, Usage

LAYOUT = 2
Statement = tuple[str, tuple[Any, ...]]  # SQL with $1, $2… and their values
_OF_CONSUMER = {"consumer_limits": "limits", "plan": "plan", "custom_id": "custom_id"}
_COLUMNS = [name for name in KeyRecord.__struct_fields__ if name not in _OF_CONSUMER]


class SqlKeyStore(ABC):
    """Keep API keys in a SQL database. Threads and processes may share it.

    The table `changes` has one row: the number of changes so far. With `has_change`, each key also
    stores the number of its last change.
    """

    _duplicate_error: ClassVar[type[Exception]]

    def __init__(
        self, keys: str, consumers: str, changes: str, usage: str, *, has_change: bool
    ) -> None:
        self._keys = keys
        self._consumers = consumers
        self._usage = usage
        self._number = f"SELECT number FROM {changes}"
        self._count = f"UPDATE {changes} SET number = number + 1"
        self._stamp = f"change = ({self._number})" if has_change else ""
        columns = {name: f"${number}" for number, name in enumerate(_COLUMNS, 1)}
        if has_change:
            columns["change"] = f"({self._number})"
        self._insert = (
            f"INSERT INTO {keys} ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"
        )
        selected = ", ".join(
            f"coalesce({consumers}.{_OF_CONSUMER[name]}, '')"
            if name in _OF_CONSUMER
            else f"{keys}.{name}"
            for name in KeyRecord.__struct_fields__
        )
        join = f"{keys} LEFT JOIN {consumers} ON {keys}.consumer = {consumers}.consumer"
        self._select = f"SELECT {selected} FROM {join}"

    @abstractmethod
    def _read(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        """Return the rows of a query. Raises Unavailable when the database does not answer."""

    @abstractmethod
    def _write(self, *statements: Statement) -> None:
        """Run statements in a transaction. Raises `_duplicate_error`, or Unavailable."""

    @abstractmethod
    def _encode(self, texts: Sequence[str]) -> Any:
        """Encode a list of texts as a column value."""

    @abstractmethod
    def _decode(self, value: Any) -> Sequence[str]:
        """Decode the list of texts in a column value."""

    def find(self, digest: bytes) -> KeyRecord | None:
        """Return the key record with this SHA-256, even if the key is revoked or expired."""
        records = self._records(self._read(f"{self._select} WHERE digest = $1", digest))
        return records[0] if records else None

    def records(self, consumer: str | None = None) -> Sequence[KeyRecord]:
        """Return all keys, or only the keys of one consumer, oldest first."""
        order = "ORDER BY created_at, key_id"
        if consumer is None:
            return self._records(self._read(f"{self._select} {order}"))
        if "\0" in consumer:
            return []  # PostgreSQL rejects NUL, so no stored name contains it
        of_consumer = f"WHERE {self._keys}.consumer = $1"
        return self._records(self._read(f"{self._select} {of_consumer} {order}", consumer))

    def add(self, record: KeyRecord) -> None:
        """Store a new key, and those fields of its consumer that are not empty.

        Raises ValueError if a key with the same id or digest exists.
        """
        row = {name: getattr(record, name) for name in _COLUMNS}
        row |= {"scopes": self._encode(sorted(record.scopes)), "cidrs": self._encode(record.cidrs)}
        statements: list[Statement] = [(self._insert, tuple(row.values()))]
        fields = {column: getattr(record, name) for name, column in _OF_CONSUMER.items()}
        if given := {column: value for column, value in fields.items() if value}:
            statements += self._set_consumer(record.consumer, given)
        try:
            self._change(*statements)
        except self._duplicate_error:
            raise ValueError(f"key {record.key_id!r} is stored already") from None

    def revoke(self, key_id: str, at: float) -> bool:
        """Revoke a key at `at`, unless it ends earlier; return False if it does not exist."""
        values = ", ".join(filter(None, ("revoked_at = $2", self._stamp)))
        is_later = "(revoked_at IS NULL OR revoked_at > $2)"
        update = f"UPDATE {self._keys} SET {values} WHERE key_id = $1 AND {is_later}"
        self._change((update, (key_id, at)))
        return bool(self._read(f"SELECT 1 FROM {self._keys} WHERE key_id = $1", key_id))

    def consumers(self) -> Sequence[ConsumerRecord]:
        """Return all consumers that have a record, ordered by name."""
        names = ConsumerRecord.__struct_fields__
        rows = self._read(f"SELECT {', '.join(names)} FROM {self._consumers} ORDER BY consumer")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [ConsumerRecord(**{**row, "metadata": json.loads(row["metadata"])}) for row in found]

    def set_consumer(self, consumer: str, **fields: str | Mapping[str, str]) -> None:
        """Set the given fields of a `ConsumerRecord` and keep the others."""
        self._change(*self._set_consumer(consumer, fields))

    def add_usage(self, usage: Iterable[Usage]) -> None:
        """Add counts to the stored counts; this does not change `version`."""
        names = Usage.__struct_fields__
        values = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        sums = ", ".join(f"{name} = {self._usage}.{name} + excluded.{name}" for name in names[4:])
        upsert = (
            f"INSERT INTO {self._usage} ({', '.join(names)}) VALUES ({values}) "
            f"ON CONFLICT ({', '.join(names[:4])}) DO UPDATE SET {sums}"
        )
        # Update rows in the same order in all processes, to avoid deadlocks.
        self._write(*((upsert, msgspec.structs.astuple(each)) for each in sorted(usage)))

    def usage(self, since: str, consumer: str | None = None) -> Sequence[Usage]:
        """Return the usage since a day (inclusive), ordered by the fields of `Usage`."""
        columns = ", ".join(Usage.__struct_fields__)
        chosen = "day >= $1" if consumer is None else "day >= $1 AND consumer = $2"
        values = (since,) if consumer is None else (since, consumer)
        rows = self._read(f"SELECT {columns} FROM {self._usage} WHERE {chosen}", *values)
        return sorted(Usage(*row) for row in rows)

    def drop_usage(self, before: str) -> None:
        """Delete the usage of all days before `before`."""
        self._write((f"DELETE FROM {self._usage} WHERE day < $1", (before,)))

    def touch(self, used: dict[str, float]) -> None:
        """Store the last-use time of each key; this does not change `version`."""
        is_earlier = "(last_used_at IS NULL OR last_used_at < $2)"
        update = f"UPDATE {self._keys} SET last_used_at = $2 WHERE key_id = $1 AND {is_earlier}"
        # Update rows in the same order in all processes, to avoid deadlocks.
        self._write(*((update, row) for row in sorted(used.items())))

    def _change(self, *statements: Statement) -> None:
        # Updating the count locks its row until the commit, so changes become visible in the order
        # of their numbers.
        self._write((self._count, ()), *statements)

    def _set_consumer(
        self, consumer: str, fields: Mapping[str, str | Mapping[str, str]]
    ) -> list[Statement]:
        record: ConsumerRecord = msgspec.convert({**fields, "consumer": consumer}, ConsumerRecord)
        columns = ConsumerRecord.__struct_fields__
        values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        sets = ", ".join(f"{name} = excluded.{name}" for name in fields)
        upsert = (
            f"INSERT INTO {self._consumers} ({', '.join(columns)}) VALUES ({values}) "
            f"ON CONFLICT (consumer) DO UPDATE SET {sets}"
        )
        row = (*msgspec.structs.astuple(record)[:-1], json.dumps(dict(record.metadata)))
        statements: list[Statement] = [(upsert, row)]
        if self._stamp:
            stamp = f"UPDATE {self._keys} SET {self._stamp} WHERE consumer = $1"
            statements.append((stamp, (consumer,)))
        return statements

    def _records(self, rows: Sequence[Sequence[Any]]) -> list[KeyRecord]:
        records = []
        for row in rows:
            values = dict(zip(KeyRecord.__struct_fields__, row, strict=True))
            values["scopes"] = frozenset(self._decode(values["scopes"]))
            values["cidrs"] = tuple(self._decode(values["cidrs"]))
            records.append(KeyRecord(**values))
        return records


def check_layout(layout: int, where: str) -> None:
    """Raise StateError if a newer version of NEUROVA created the layout."""
    if layout > LAYOUT:
        raise StateError(
            f"written by a newer NEUROVA (layout {layout}, this one reads {LAYOUT})",
            where=where,
            fix="upgrade NEUROVA, or restore an older backup",
        )

"""A key store on SQLAlchemy Core, the same statements for SQLite and PostgreSQL."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeDecorator, TypeEngine

from neurova.errors import StateError

from .base import KeyRecord

LAYOUT = 1
T = TypeVar("T")
_COLUMNS = [name for name in KeyRecord.__struct_fields__ if name != "consumer_limits"]


class _Texts(TypeDecorator[Sequence[str]]):
    """A list of texts: text[] in PostgreSQL, JSON in SQLite."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        return ARRAY(sa.Text()) if dialect.name == "postgresql" else sa.Text()

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return value if dialect.name == "postgresql" else json.loads(value)


# Types that a STRICT table of SQLite accepts.
_SECONDS: TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
_NUMBER: TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPTIONAL = {"expires_at": _SECONDS, "revoked_at": _SECONDS, "last_used_at": _SECONDS}
_REQUIRED: dict[str, Any] = {
    "consumer": sa.Text,
    "environment": sa.Text,
    "scopes": _Texts,
    "created_at": _SECONDS,
    "limits": sa.Text,
    "quota": _NUMBER,
    "cidrs": _Texts,
    "name": sa.Text,
}


class KeyTables:
    """Define the tables; the limits of a consumer are a row of `consumers`.

    `changes` has one row, with the number of changes so far. A `shared` database also stores the
    number of the last change in each key, and the version of the layout in `changes`.
    """

    def __init__(self, prefix: str = "", *, shared: bool = False) -> None:
        self.metadata = sa.MetaData()
        self.keys = self._table(
            f"{prefix}keys",
            sa.Column("key_id", sa.Text, primary_key=True),
            sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
            *(sa.Column(name, kind, nullable=False) for name, kind in _REQUIRED.items()),
            *(sa.Column(name, kind) for name, kind in _OPTIONAL.items()),
            *([sa.Column("change", sa.BigInteger, nullable=False, index=True)] if shared else []),
        )
        sa.Index(f"{prefix}keys_of_consumer", self.keys.c.consumer)
        self.consumers = self._table(
            f"{prefix}keys_consumers" if prefix else "consumers",
            sa.Column("consumer", sa.Text, primary_key=True),
            sa.Column("limits", sa.Text, nullable=False),
        )
        self.changes = self._table(
            f"{prefix}keys_changes" if prefix else "changes",
            sa.Column("number", _NUMBER, nullable=False),
            *([sa.Column("layout", sa.Integer, nullable=False)] if shared else []),
        )

    def create(self, connection: sa.Connection, **layout: int) -> None:
        """Create the tables in an empty database."""
        self.metadata.create_all(connection, checkfirst=False)
        connection.execute(sa.insert(self.changes).values(number=0, **layout))

    def _table(self, name: str, *columns: sa.Column[Any]) -> sa.Table:
        return sa.Table(name, self.metadata, *columns, sqlite_strict=True)


class SqlKeyStore(ABC):
    """Keep API keys in a SQL database. Threads and processes may share it."""

    def __init__(self, tables: KeyTables) -> None:
        self._tables = tables
        self._keys = tables.keys
        consumers = tables.consumers.c
        columns = [
            sa.func.coalesce(consumers.limits, "")
            if name == "consumer_limits"
            else tables.keys.c[name]
            for name in KeyRecord.__struct_fields__
        ]
        join = tables.keys.outerjoin(tables.consumers, tables.keys.c.consumer == consumers.consumer)
        self._select = sa.select(*columns).select_from(join)

    @abstractmethod
    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work`. Raises Unavailable when the database does not answer."""

    @abstractmethod
    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction. Raises IntegrityError, or Unavailable."""

    def find(self, digest: bytes) -> KeyRecord | None:
        """Return the record of the key with that SHA-256, revoked and expired ones too."""
        records = self._records(self._select.where(self._keys.c.digest == digest))
        return records[0] if records else None

    def records(self, consumer: str | None = None) -> Sequence[KeyRecord]:
        """Return all keys, or those of one consumer, oldest first."""
        statement = self._select.order_by(self._keys.c.created_at, self._keys.c.key_id)
        if consumer is None:
            return self._records(statement)
        if "\0" in consumer:
            return []  # PostgreSQL rejects NUL, so no stored name contains it
        return self._records(statement.where(self._keys.c.consumer == consumer))

    def add(self, record: KeyRecord) -> None:
        """Store a new key, and its consumer's limits if the record has any.

        Raises ValueError if a key of that id or digest is stored already.
        """
        row = {name: getattr(record, name) for name in _COLUMNS}
        row["scopes"] = sorted(record.scopes)

        def work(connection: sa.Connection, number: int) -> None:
            connection.execute(sa.insert(self._keys).values(row | self._stamp(number)))
            if record.consumer_limits:
                self._limit(connection, record.consumer, record.consumer_limits, number)

        try:
            self._change(work)
        except IntegrityError:
            raise ValueError(f"key {record.key_id!r} is stored already") from None

    def revoke(self, key_id: str, at: float) -> bool:
        """End a key at `at`, unless it ends earlier already; False if there is no such key."""
        ends, is_key = self._keys.c.revoked_at, self._keys.c.key_id == key_id

        def work(connection: sa.Connection, number: int) -> bool:
            update = sa.update(self._keys).where(is_key, sa.or_(ends.is_(None), ends > at))
            connection.execute(update.values({"revoked_at": at} | self._stamp(number)))
            return bool(connection.scalar(sa.select(sa.exists().where(is_key))))

        return self._change(work)

    def set_consumer_limits(self, consumer: str, limits: str) -> None:
        """Set the limits that all keys of a consumer share, "" for none."""
        self._change(lambda connection, number: self._limit(connection, consumer, limits, number))

    def touch(self, used: dict[str, float]) -> None:
        """Store when keys were last used; this does not change `version`."""
        used_at, last = sa.bindparam("used_at", type_=_SECONDS), self._keys.c.last_used_at
        statement = (
            sa.update(self._keys)
            .where(self._keys.c.key_id == sa.bindparam("used_id"))
            .where(sa.or_(last.is_(None), last < used_at))
            .values(last_used_at=used_at)
        )
        # Update rows in the same order in all processes, to avoid deadlocks.
        rows = [{"used_id": key_id, "used_at": at} for key_id, at in sorted(used.items())]
        self._write(lambda connection: connection.execute(statement, rows))

    def _read_number(self, connection: sa.Connection) -> int:
        """Return the number of changes so far."""
        return int(connection.execute(sa.select(self._tables.changes.c.number)).scalar_one())

    def _change(self, work: Callable[[sa.Connection, int], T]) -> T:
        changes = self._tables.changes
        count = sa.update(changes).values(number=changes.c.number + 1).returning(changes.c.number)

        def counted(connection: sa.Connection) -> T:
            # The row stays locked until the commit: changes become visible in numerical order.
            return work(connection, connection.execute(count).scalar_one())

        return self._write(counted)

    def _limit(self, connection: sa.Connection, consumer: str, limits: str, number: int) -> None:
        table = self._tables.consumers
        update = sa.update(table).where(table.c.consumer == consumer).values(limits=limits)
        if not connection.execute(update).rowcount:
            connection.execute(sa.insert(table).values(consumer=consumer, limits=limits))
        if stamp := self._stamp(number):
            keys = sa.update(self._keys).where(self._keys.c.consumer == consumer)
            connection.execute(keys.values(stamp))

    def _stamp(self, number: int) -> dict[str, int]:
        return {"change": number} if "change" in self._keys.c else {}

    def _records(self, statement: sa.Executable) -> list[KeyRecord]:
        return self._read(lambda connection: self._fetch(connection, statement))

    @staticmethod
    def _fetch(connection: sa.Connection, statement: sa.Executable) -> list[KeyRecord]:
        records = []
        for row in connection.execute(statement):
            values = dict(zip(KeyRecord.__struct_fields__, row, strict=True))
            values["scopes"] = frozenset(values["scopes"])
            values["cidrs"] = tuple(values["cidrs"])
            records.append(KeyRecord(**values))
        return records


def check_layout(layout: int, where: str) -> None:
    """Raise StateError for the layout of a newer version."""
    if layout > LAYOUT:
        raise StateError(
            f"written by a newer NEUROVA (layout {layout}, this one reads {LAYOUT})",
            where=where,
            fix="upgrade NEUROVA, or restore an older backup",
        )

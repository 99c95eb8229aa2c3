"""A key store on SQLAlchemy Core, the same statements for SQLite and PostgreSQL."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    REAL,
    BigInteger,
    Column,
    Connection,
    Dialect,
    Double,
    Executable,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeDecorator, TypeEngine

from .base import KeyRecord

T = TypeVar("T")


class _Texts(TypeDecorator[Sequence[str]]):
    """A list of texts: text[] in PostgreSQL, JSON elsewhere."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if _has_arrays(dialect) else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if _has_arrays(dialect) else json.dumps(list(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return value if _has_arrays(dialect) else json.loads(value)


def _has_arrays(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"


# Types that a STRICT table of SQLite accepts.
_SECONDS: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")
_NUMBER: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")


class KeyTables:
    """Define the tables; the limits of a consumer are a row of `consumers`.

    `changes` has one row, with the number of changes so far. A `shared` database also notes in each
    key the number of its last change, and in `changes` the version of the layout.
    """

    def __init__(self, prefix: str = "", *, shared: bool = False) -> None:
        self.metadata = MetaData()
        self.keys = Table(
            f"{prefix}keys",
            self.metadata,
            Column("key_id", Text, primary_key=True),
            Column("digest", LargeBinary, nullable=False, unique=True),
            Column("consumer", Text, nullable=False, index=True),
            Column("environment", Text, nullable=False),
            Column("scopes", _Texts, nullable=False),
            Column("created_at", _SECONDS, nullable=False),
            Column("expires_at", _SECONDS),
            Column("revoked_at", _SECONDS),
            Column("last_used_at", _SECONDS),
            Column("limits", Text, nullable=False),
            Column("quota", _NUMBER, nullable=False),
            Column("cidrs", _Texts, nullable=False),
            Column("name", Text, nullable=False),
            *([Column("change", BigInteger, nullable=False, index=True)] if shared else []),
            sqlite_strict=True,
        )
        self.consumers = Table(
            f"{prefix}keys_consumers" if prefix else "consumers",
            self.metadata,
            Column("consumer", Text, primary_key=True),
            Column("limits", Text, nullable=False),
            sqlite_strict=True,
        )
        self.changes = Table(
            f"{prefix}keys_changes" if prefix else "changes",
            self.metadata,
            Column("number", _NUMBER, nullable=False),
            *([Column("layout", Integer, nullable=False)] if shared else []),
            sqlite_strict=True,
        )

    def create(self, connection: Connection, **layout: int) -> None:
        """Create the tables in an empty database."""
        self.metadata.create_all(connection, checkfirst=False)
        connection.execute(insert(self.changes).values(number=0, **layout))


class SqlKeyStore(ABC):
    """Keep API keys in a SQL database. Threads and processes may share it."""

    def __init__(self, tables: KeyTables) -> None:
        self._tables = tables
        keys, consumers = tables.keys.c, tables.consumers.c
        columns = [
            func.coalesce(consumers.limits, "") if name == "consumer_limits" else keys[name]
            for name in KeyRecord.__struct_fields__
        ]
        join = tables.keys.outerjoin(tables.consumers, keys.consumer == consumers.consumer)
        self._select = select(*columns).select_from(join)

    @abstractmethod
    def _read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`. Raises Unavailable when the database does not answer."""

    @abstractmethod
    def _write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction. Raises IntegrityError, or Unavailable."""

    @abstractmethod
    def close(self) -> None:
        """Close files and connections."""

    def find(self, digest: bytes) -> KeyRecord | None:
        """Return the record of the key with that SHA-256, revoked and expired ones too."""
        records = self._records(self._select.where(self._tables.keys.c.digest == digest))
        return records[0] if records else None

    def records(self, consumer: str | None = None) -> Sequence[KeyRecord]:
        """Return all keys, or those of one consumer, oldest first."""
        keys = self._tables.keys.c
        statement = self._select.order_by(keys.created_at, keys.key_id)
        if consumer is None:
            return self._records(statement)
        if "\0" in consumer:
            return []  # PostgreSQL rejects it as a parameter, and no stored text has it
        return self._records(statement.where(keys.consumer == consumer))

    def records_changed_after(self, number: int) -> Sequence[KeyRecord]:
        """Return the keys that changed after that version, in a shared database."""
        return self._records(self._select.where(self._tables.keys.c.change > number))

    def add(self, record: KeyRecord) -> None:
        """Store a new key, and its consumer's limits if the record has any.

        Raises ValueError if a key of that id or digest is stored already.
        """
        values = {
            name: getattr(record, name)
            for name in KeyRecord.__struct_fields__
            if name != "consumer_limits"
        }
        values["scopes"] = sorted(record.scopes)

        def work(connection: Connection, number: int) -> None:
            row = values | self._stamp(number)
            connection.execute(insert(self._tables.keys).values(row))
            if record.consumer_limits:
                self._limit(connection, record.consumer, record.consumer_limits, number)

        try:
            self._change(work)
        except IntegrityError:
            raise ValueError(f"key {record.key_id!r} is stored already") from None

    def revoke(self, key_id: str, at: float) -> bool:
        """End a key at `at`, unless it ends earlier already; False if there is no such key."""
        keys = self._tables.keys
        earlier = or_(keys.c.revoked_at.is_(None), keys.c.revoked_at > at)

        def work(connection: Connection, number: int) -> bool:
            values = {"revoked_at": at} | self._stamp(number)
            connection.execute(update(keys).where(keys.c.key_id == key_id, earlier).values(values))
            found = connection.scalar(select(exists().where(keys.c.key_id == key_id)))
            return bool(found)

        return self._change(work)

    def set_consumer_limits(self, consumer: str, limits: str) -> None:
        """Bind all keys of a consumer together to `limits`, "" for none."""
        self._change(lambda connection, number: self._limit(connection, consumer, limits, number))

    def touch(self, used: dict[str, float]) -> None:
        """Note when keys were last used; `version` does not count that as a change."""
        keys = self._tables.keys
        used_at = bindparam("used_at", type_=_SECONDS)
        earlier = or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < used_at)
        statement = (
            update(keys)
            .where(keys.c.key_id == bindparam("used_id"), earlier)
            .values(last_used_at=used_at)
        )
        # In one order everywhere, so that two processes do not deadlock.
        rows = [{"used_id": key_id, "used_at": at} for key_id, at in sorted(used.items())]
        self._write(lambda connection: connection.execute(statement, rows) and None)

    def version(self) -> int:
        """Return the number of changes so far, by any process."""
        return self._read(self._read_number)

    def _read_number(self, connection: Connection) -> int:
        return int(connection.execute(select(self._tables.changes.c.number)).scalar_one())

    def _change(self, work: Callable[[Connection, int], T]) -> T:
        changes = self._tables.changes
        count = update(changes).values(number=changes.c.number + 1).returning(changes.c.number)

        def counted(connection: Connection) -> T:
            # The row stays locked until the commit: changes become visible in numerical order.
            return work(connection, connection.execute(count).scalar_one())

        return self._write(counted)

    def _limit(self, connection: Connection, consumer: str, limits: str, number: int) -> None:
        keys, consumers = self._tables.keys, self._tables.consumers
        changed = connection.execute(
            update(consumers).where(consumers.c.consumer == consumer).values(limits=limits)
        )
        if not changed.rowcount:
            connection.execute(insert(consumers).values(consumer=consumer, limits=limits))
        if stamp := self._stamp(number):
            connection.execute(update(keys).where(keys.c.consumer == consumer).values(stamp))

    def _stamp(self, number: int) -> dict[str, int]:
        return {"change": number} if "change" in self._tables.keys.c else {}

    def _records(self, statement: Executable) -> list[KeyRecord]:
        rows = self._read(lambda connection: connection.execute(statement).all())
        return [_record(row) for row in rows]


def _record(row: Sequence[Any]) -> KeyRecord:
    values = dict(zip(KeyRecord.__struct_fields__, row, strict=True))
    values["scopes"] = frozenset(values["scopes"])
    values["cidrs"] = tuple(values["cidrs"])
    return KeyRecord(**values)

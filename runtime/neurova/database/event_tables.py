"""The event tables in a service's database."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

metadata = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

# Events to publish; the transaction that calls `tx.publish` inserts them. `trace_id` holds a
# traceparent, which identifies the trace and the span that published the event.
outbox = Table(
    "nv_outbox",
    metadata,
    Column("seq", _NUMBER, primary_key=True),
    Column("id", String, nullable=False),
    Column("event", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("schema", String, nullable=False),
    Column("time", Double, nullable=False),
    Column("trace_id", String, nullable=False),
    sqlite_autoincrement=True,
)
# The ids of events that a subscription has handled, so that it skips duplicates.
inbox = Table(
    "nv_inbox",
    metadata,
    Column("subscription", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("time", Double, nullable=False),
    Index("nv_inbox_time", "time"),
    sqlite_with_rowid=False,
)
# Waiting events of ordered subscriptions. The first event of a key waits until `due` for its retry,
# or, if `due` is null, for a replay from the dead-letter queue. Later events wait for the first.
parked = Table(
    "nv_parked",
    metadata,
    Column("seq", _NUMBER, primary_key=True),
    Column("subscription", String, nullable=False),
    Column("key", String, nullable=False),
    Column("id", String, nullable=False),
    Column("event", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("time", Double, nullable=False),
    Column("trace_id", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("failures", LargeBinary, nullable=False),
    Column("due", Double),
    Index("nv_parked_key", "subscription", "key", "seq"),
    Index("nv_parked_id", "subscription", "id", unique=True),
    sqlite_autoincrement=True,
)

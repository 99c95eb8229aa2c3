"""The table of answers kept under an Idempotency-Key, and its rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    select,
)

from .base import KEPT, StoredResponse

BATCH = 100  # answers that are swept at once

metadata = MetaData()
answers = Table(
    "nv_idempotency",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("content_type", String, nullable=False),
    Column("fields", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("nv_idempotency_expires", "expires"),
)
_WHAT = [column for column in answers.c if column.name not in ("key", "expires")]


def put(insert: Any) -> Any:
    """Return the statement that keeps an answer, unless another is kept under its key.

    `insert` is that of the backend's dialect.
    """
    made = insert(answers)
    new = made.excluded
    return made.on_conflict_do_update(
        index_elements=[answers.c.key],
        set_={column.name: new[column.name] for column in answers.c if column.name != "key"},
        where=answers.c.expires <= new.expires - KEPT,  # only one whose time is over
    )


FIND = select(*_WHAT).where(answers.c.key == bindparam("k"), answers.c.expires > bindparam("now"))
_OLD = select(answers.c.key).where(answers.c.expires <= bindparam("now"))
OVER = _OLD.limit(1)
SWEEP = answers.delete().where(answers.c.key.in_(_OLD.order_by(answers.c.expires).limit(BATCH)))


def row_of(key: bytes, stored: StoredResponse, now: float) -> dict[str, Any]:
    """Return the row of an answer kept from `now` (Unix seconds) on."""
    fields = [[name.decode("ascii"), value.decode("latin-1")] for name, value in stored.fields]
    return {
        "key": key,
        "fingerprint": stored.fingerprint,
        "status": stored.status,
        "content_type": stored.content_type.decode("latin-1"),
        "fields": msgspec.json.encode(fields).decode(),
        "body": stored.body,
        "expires": int(now) + KEPT,
    }


def stored_of(row: Iterable[Any]) -> StoredResponse:
    """Return the answer that a row of FIND holds."""
    fingerprint, status, content_type, fields, body = row
    pairs = msgspec.json.decode(fields, type=list[tuple[str, str]])
    found = tuple((name.encode("ascii"), value.encode("latin-1")) for name, value in pairs)
    return StoredResponse(fingerprint, status, content_type.encode("latin-1"), found, body)

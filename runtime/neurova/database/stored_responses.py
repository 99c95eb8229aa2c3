"""The table of responses stored under idempotency keys."""

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

from .base import StoredResponse

RETENTION = 86_400  # seconds for which a response is stored
BATCH = 100  # maximum number of responses that one statement deletes

metadata = MetaData()
responses = Table(
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
_VALUES = [column for column in responses.c if column.name not in ("key", "expires")]


def build_insert(insert: Any) -> Any:
    """Return a statement that stores a response unless its key has an unexpired one.

    `insert` is the function of the backend's SQLAlchemy dialect.
    """
    statement = insert(responses)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[responses.c.key],
        set_={column.name: new[column.name] for column in responses.c if column.name != "key"},
        where=responses.c.expires <= new.expires - RETENTION,  # only replace an expired response
    )


FIND = select(*_VALUES).where(
    responses.c.key == bindparam("k"), responses.c.expires > bindparam("now")
)
_EXPIRED = select(responses.c.key).where(responses.c.expires <= bindparam("now"))
ANY_EXPIRED = _EXPIRED.limit(1)
DELETE_EXPIRED = responses.delete().where(
    responses.c.key.in_(_EXPIRED.order_by(responses.c.expires).limit(BATCH))
)


def to_row(key: bytes, response: StoredResponse, now: float) -> dict[str, Any]:
    """Return the row of a response stored at `now` (Unix seconds)."""
    fields = [[name.decode("ascii"), value.decode("latin-1")] for name, value in response.fields]
    return {
        "key": key,
        "fingerprint": response.fingerprint,
        "status": response.status,
        "content_type": response.content_type.decode("latin-1"),
        "fields": msgspec.json.encode(fields).decode(),
        "body": response.body,
        "expires": int(now) + RETENTION,
    }


def from_row(row: Iterable[Any]) -> StoredResponse:
    """Return the response in a row of FIND."""
    fingerprint, status, content_type, encoded, body = row
    pairs = msgspec.json.decode(encoded, type=list[tuple[str, str]])
    fields = tuple((name.encode("ascii"), value.encode("latin-1")) for name, value in pairs)
    return StoredResponse(fingerprint, status, content_type.encode("latin-1"), fields, body)

"""Parked events of ordered subscriptions wait until earlier events of their key are handled."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.engine import Row

from ..bus.base import Delivery, Failure, Message
from ..database.base import Transaction
from ..database.event_tables import parked

_FAILURES = msgspec.json.Decoder(tuple[Failure, ...])
_INSERT = parked.insert()
_OF_SUBSCRIPTION = parked.c.subscription == bindparam("s")
_KEY_OF = select(parked.c.key).where(_OF_SUBSCRIPTION, parked.c.id == bindparam("i"))
_FIRST = (
    select(parked).where(_OF_SUBSCRIPTION, parked.c.key == bindparam("k")).order_by(parked.c.seq)
).limit(1)
_KEYS = select(parked.c.key).where(_OF_SUBSCRIPTION).distinct()
_DELETE = parked.delete().where(_OF_SUBSCRIPTION, parked.c.id == bindparam("i"))
_DELETE_DEAD = _DELETE.where(parked.c.due.is_(None))
_UPDATE = parked.update().where(_OF_SUBSCRIPTION, parked.c.id == bindparam("i"))


class Parked(msgspec.Struct):
    """A parked event as a delivery, and when to handle it; None if it is a dead letter."""

    delivery: Delivery
    due: float | None


async def find_key(tx: Transaction, subscription: str, event_id: str) -> str | None:
    """Return the key under which an event is parked, None if it is not parked."""
    key: str | None = (await tx.execute(_KEY_OF, {"s": subscription, "i": event_id})).scalar()
    return key


async def find_first(tx: Transaction, subscription: str, key: str) -> Parked | None:
    """Return the first parked event of a key."""
    row = (await tx.execute(_FIRST, {"s": subscription, "k": key})).first()
    return None if row is None else _from_row(row)


async def list_keys(tx: Transaction, subscription: str) -> list[str]:
    """Return the keys with parked events."""
    return [row[0] for row in await tx.execute(_KEYS, {"s": subscription})]


async def park(
    tx: Transaction,
    delivery: Delivery,
    key: str,
    due: float | None,
    failures: tuple[Failure, ...] | None = None,
    attempt: int | None = None,
) -> None:
    """Park an event behind the parked events of its key, or update a parked event."""
    message, subscription = delivery.message, delivery.queue
    changed = {
        "due": due,
        "attempt": attempt or delivery.attempt,
        "failures": msgspec.json.encode(failures or delivery.failures),
        "body": message.body,
    }
    if await find_key(tx, subscription, message.id) is not None:
        await tx.execute(_UPDATE.values(changed), {"s": subscription, "i": message.id})
        return
    row: dict[str, Any] = {
        "subscription": subscription,
        "key": key,
        "id": message.id,
        "event": message.event,
    }
    row |= {"time": message.time, "trace_id": message.traceparent}
    await tx.execute(_INSERT, row | changed)


async def unpark(tx: Transaction, subscription: str, event_id: str) -> None:
    """Remove a parked event."""
    await tx.execute(_DELETE, {"s": subscription, "i": event_id})


async def unpark_dead(tx: Transaction, subscription: str, event_id: str) -> None:
    """Remove a parked event that is a dead letter, so that later events are handled."""
    await tx.execute(_DELETE_DEAD, {"s": subscription, "i": event_id})


def _from_row(row: Row[Any]) -> Parked:
    message = Message(row.id, row.event, row.body, row.time, row.trace_id)
    failures = _FAILURES.decode(row.failures)
    return Parked(Delivery(message, row.subscription, row.attempt, failures), row.due)

"""The inbox: the events that a subscription has handled, so that none has its effects twice."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from ..database.base import Database, Transaction
from ..database.event_tables import inbox
from ..errors import NeurovaError

RETENTION = 7 * 86_400.0  # seconds
_BATCH = 1_000
_INSERT = inbox.insert()
_FIND = select(inbox.c.time).where(
    inbox.c.subscription == bindparam("subscription"), inbox.c.id == bindparam("event_id")
)
_EXPIRED = (
    select(inbox.c.subscription, inbox.c.id).where(inbox.c.time < bindparam("before")).limit(_BATCH)
)
_DELETE = inbox.delete().where(inbox.c.subscription == bindparam("s"), inbox.c.id == bindparam("i"))


class AlreadyHandled(NeurovaError):
    """The subscription has handled the event before."""


async def record_handled(tx: Transaction, subscription: str, event_id: str, now: float) -> None:
    """Record that an event is handled by this transaction. Raises AlreadyHandled."""
    if await find_handled(tx, subscription, event_id) is not None:
        raise AlreadyHandled(f"{subscription} has handled event {event_id}")
    await tx.execute(_INSERT, {"subscription": subscription, "id": event_id, "time": now})


async def find_handled(tx: Transaction, subscription: str, event_id: str) -> float | None:
    """Return when an event was handled (Unix seconds), None if it was not."""
    values = {"subscription": subscription, "event_id": event_id}
    found: float | None = (await tx.execute(_FIND, values)).scalar()
    return found


async def prune_inbox(database: Database, now: float, deadline: float) -> int:
    """Delete a batch of records older than RETENTION; return their number."""
    tx = database.transaction(readonly=False, deadline=deadline)
    try:
        rows = (await tx.execute(_EXPIRED, {"before": now - RETENTION})).all()
        if rows:
            await tx.execute(_DELETE, [{"s": row.subscription, "i": row.id} for row in rows])
        await tx.commit()
        return len(rows)
    finally:
        await tx.rollback()

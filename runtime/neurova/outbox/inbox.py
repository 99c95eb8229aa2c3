"""The inbox records the events that a subscription has handled, so that none takes effect twice."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select

from ..database.base import Database, Transaction
from ..database.event_tables import inbox
from ..errors import NeurovaError
from ..execution.transaction import run_in_transaction

RETENTION = 7 * 86_400.0  # seconds
_BATCH = 1_000
_INSERT = (
    "INSERT INTO nv_inbox (subscription, id, time) VALUES ($1, $2, $3) "
    "ON CONFLICT DO NOTHING RETURNING 1"
)
_HANDLED = select(inbox.c.id).where(
    inbox.c.subscription == bindparam("subscription"),
    inbox.c.id.in_(bindparam("ids", expanding=True)),
)
_EXPIRED = (
    select(inbox.c.subscription, inbox.c.id).where(inbox.c.time < bindparam("before")).limit(_BATCH)
)
_DELETE = inbox.delete().where(inbox.c.subscription == bindparam("s"), inbox.c.id == bindparam("i"))


class AlreadyHandled(NeurovaError):
    """The subscription has handled the event before."""


async def record_handled(tx: Transaction, subscription: str, event_id: str, now: float) -> None:
    """Record that an event is handled by this transaction. Raises AlreadyHandled."""
    if not await tx.run_sql(_INSERT, (subscription, event_id, now)):
        raise AlreadyHandled(f"{subscription} has handled event {event_id}")


async def list_handled(tx: Transaction, subscription: str, ids: Sequence[str]) -> set[str]:
    """Return the ids, out of `ids`, of events that a subscription has handled."""
    found: set[str] = set()
    for start in range(0, len(ids), _BATCH):
        values = {"subscription": subscription, "ids": ids[start : start + _BATCH]}
        found.update(row.id for row in await tx.execute(_HANDLED, values))
    return found


async def prune_inbox(database: Database, now: float, deadline: float) -> int:
    """Delete a batch of records older than RETENTION; return their number."""

    async def body(tx: Transaction) -> int:
        rows = (await tx.execute(_EXPIRED, {"before": now - RETENTION})).all()
        if rows:
            await tx.execute(_DELETE, [{"s": row.subscription, "i": row.id} for row in rows])
        return len(rows)

    return await run_in_transaction(database.transaction(readonly=False, deadline=deadline), body)

"""The events that wait in an outbox."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from ..database.base import Database
from ..database.event_tables import outbox

_SELECT = select(func.count().label("waiting"), func.min(outbox.c.time).label("oldest"))


class Backlog(NamedTuple):
    """The number of waiting events, and the time of the oldest (Unix seconds, 0 if none waits)."""

    waiting: int
    oldest: float


async def read_backlog(database: Database, deadline: float) -> Backlog:
    """Count the events in the outbox of a service. Raises NeurovaError."""
    tx = database.transaction(readonly=True, deadline=deadline)
    try:
        row = (await tx.execute(_SELECT)).one()
    finally:
        await tx.rollback()
    return Backlog(row.waiting, row.oldest or 0.0)

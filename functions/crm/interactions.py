"""List the interactions with a customer, page by page."""

from msgspec import Struct
from sqlalchemy import select, tuple_

from neurova import Tx, get

from .customers import get_unmerged
from .domain import (
    Channel,
    Interaction,
    Kind,
    Limit,
    Moment,
    Position,
    from_row,
    interactions,
    to_utc,
)


class Interactions(Struct):
    """A page of interactions, latest first. Pass `next` as `after`; null: no more."""

    interactions: list[Interaction]
    next: int | None


_time = tuple_(interactions.c.at, interactions.c.seq)
_last = interactions.alias()


@get("/customers/{id}/interactions", scopes=["crm:read"])
async def list_interactions(
    id: str,
    tx: Tx,
    after: Position = 0,
    limit: Limit = 50,
    kind: Kind | None = None,
    channel: Channel | None = None,
    at_from: Moment | None = None,
    at_before: Moment | None = None,
) -> Interactions:
    """List the interactions with a customer and with the customers merged into it."""
    await get_unmerged(tx, id)
    conditions = [interactions.c.customer == id]
    if kind is not None:
        conditions.append(interactions.c.kind == kind)
    if channel is not None:
        conditions.append(interactions.c.channel == channel)
    if at_from is not None:
        conditions.append(interactions.c.at >= to_utc(at_from, "/at_from", "query"))
    if at_before is not None:
        conditions.append(interactions.c.at < to_utc(at_before, "/at_before", "query"))
    if after:
        last = select(_last.c.at, _last.c.seq).where(_last.c.seq == after)
        conditions.append(_time < last.scalar_subquery())
    statement = (
        select(interactions)
        .where(*conditions)
        .order_by(interactions.c.at.desc(), interactions.c.seq.desc())
        .limit(limit + 1)
    )
    rows = (await tx.execute(statement)).mappings().all()
    found = [from_row(Interaction, row) for row in rows[:limit]]
    return Interactions(found, rows[limit - 1]["seq"] if len(rows) > limit else None)

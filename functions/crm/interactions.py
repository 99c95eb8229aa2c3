"""List the interactions with a customer, page by page."""

from msgspec import Struct
from sqlalchemy import select, tuple_

from neurova import Tx, get

from .customers import current
from .domain import Channel, Interaction, Kind, Limit, Moment, Place, interactions, read, utc


class Interactions(Struct):
    """Give some interactions, the latest first; `next` is the `after` of the next page, or null."""

    interactions: list[Interaction]
    next: int | None


_time = tuple_(interactions.c.at, interactions.c.seq)


@get("/customers/{id}/interactions", scopes=["crm:read"])
async def list_interactions(
    id: str,
    tx: Tx,
    after: Place = 0,
    limit: Limit = 50,
    kind: Kind | None = None,
    channel: Channel | None = None,
    at_from: Moment | None = None,
    at_before: Moment | None = None,
) -> Interactions:
    """List when and how one dealt with a customer, and with those that became part of it."""
    await current(tx, id)
    wanted = [interactions.c.customer == id]
    if kind is not None:
        wanted.append(interactions.c.kind == kind)
    if channel is not None:
        wanted.append(interactions.c.channel == channel)
    if at_from is not None:
        wanted.append(interactions.c.at >= utc(at_from, "/at_from", "query"))
    if at_before is not None:
        wanted.append(interactions.c.at < utc(at_before, "/at_before", "query"))
    if after:
        last = interactions.alias()
        wanted.append(
            _time < select(last.c.at, last.c.seq).where(last.c.seq == after).scalar_subquery()
        )
    page = (
        select(interactions)
        .where(*wanted)
        .order_by(interactions.c.at.desc(), interactions.c.seq.desc())
        .limit(limit + 1)
    )
    rows = (await tx.execute(page)).mappings().all()
    found = [read(Interaction, row) for row in rows[:limit]]
    return Interactions(found, rows[limit - 1]["seq"] if len(rows) > limit else None)

"""List stays, page by page."""

from msgspec import Struct
from sqlalchemy import bindparam, select

from neurova import Tx, get

from .domain import Limit, Position, Stay, from_row, stays


class Stays(Struct):
    """A page of stays in order of booking. Pass `next` as `after`; null: no more."""

    stays: list[Stay]
    next: int | None


_page = (
    select(stays)
    .where(stays.c.seq > bindparam("after"))
    .order_by(stays.c.seq)
    .limit(bindparam("limit"))
)


@get("/stays", scopes=["crm:read"])
async def list_stays(tx: Tx, after: Position = 0, limit: Limit = 50) -> Stays:
    """List all stays, also those of unknown guests."""
    rows = (await tx.execute(_page, {"after": after, "limit": limit + 1})).mappings().all()
    found = [from_row(Stay, row) for row in rows[:limit]]
    return Stays(found, rows[limit - 1]["seq"] if len(rows) > limit else None)

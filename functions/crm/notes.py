"""List the notes on a customer, page by page."""

from msgspec import Struct
from sqlalchemy import bindparam, select

from neurova import Tx, get

from .customers import get_unmerged
from .domain import MAX_POSITION, Limit, Note, Position, from_row, notes


class Notes(Struct):
    """A page of notes, newest first. Pass `next` as `before`; null: no more."""

    notes: list[Note]
    next: int | None


_page = (
    select(notes)
    .where(notes.c.customer == bindparam("customer"), notes.c.seq < bindparam("before"))
    .order_by(notes.c.seq.desc())
    .limit(bindparam("limit"))
)


@get("/customers/{id}/notes", scopes=["crm:read"])
async def list_notes(id: str, tx: Tx, before: Position = MAX_POSITION, limit: Limit = 50) -> Notes:
    """List the notes on a customer and on the customers merged into it."""
    await get_unmerged(tx, id)
    values = {"customer": id, "before": before, "limit": limit + 1}
    rows = (await tx.execute(_page, values)).mappings().all()
    found = [from_row(Note, row) for row in rows[:limit]]
    return Notes(found, rows[limit - 1]["seq"] if len(rows) > limit else None)

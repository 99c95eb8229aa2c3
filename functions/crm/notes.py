"""List the notes on a customer, page by page."""

from msgspec import Struct
from sqlalchemy import bindparam, select

from neurova import Tx, get

from .customers import current
from .domain import Limit, Note, Place, notes, read

LAST = 2**31 - 1


class Notes(Struct):
    """Give some notes, newest first; `next` is the `before` of the next page, or null."""

    notes: list[Note]
    next: int | None


_page = (
    select(notes)
    .where(notes.c.customer == bindparam("customer"), notes.c.seq < bindparam("before"))
    .order_by(notes.c.seq.desc())
    .limit(bindparam("limit"))
)


@get("/customers/{id}/notes", scopes=["crm:read"])
async def list_notes(id: str, tx: Tx, before: Place = LAST, limit: Limit = 50) -> Notes:
    """List what was noted on a customer, and on those that became part of it."""
    await current(tx, id)
    asked = {"customer": id, "before": before, "limit": limit + 1}
    rows = (await tx.execute(_page, asked)).mappings().all()
    found = [read(Note, row) for row in rows[:limit]]
    return Notes(found, rows[limit - 1]["seq"] if len(rows) > limit else None)

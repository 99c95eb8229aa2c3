"""List possible duplicates of all customers, page by page."""

from msgspec import Struct
from sqlalchemy import bindparam, exists

from neurova import Tx, get

from .domain import Limit, Position, customers
from .possible_duplicates import COLUMNS, PossibleDuplicate, select_sharing


class Duplicates(Struct):
    """A page of possible duplicates, oldest first. Pass `next` as `after`; null: no more."""

    duplicates: list[PossibleDuplicate]
    next: int | None


_earlier = customers.alias()
_page = (
    select_sharing(
        {
            field: exists().where(
                _earlier.c[column] == customers.c[column], _earlier.c.seq < customers.c.seq
            )
            for field, column in COLUMNS.items()
        }
    )
    .where(customers.c.seq > bindparam("after"))
    .order_by(customers.c.seq)
    .limit(bindparam("limit"))
)


@get("/customers/duplicates", scopes=["crm:read"], limit="60/minute")
async def list_duplicates(tx: Tx, after: Position = 0, limit: Limit = 50) -> Duplicates:
    """List the customers that share an email, phone or name with an earlier customer."""
    rows = (await tx.execute(_page, {"after": after, "limit": limit + 1})).mappings().all()
    found = [PossibleDuplicate.from_row(row) for row in rows[:limit]]
    return Duplicates(found, rows[limit - 1]["seq"] if len(rows) > limit else None)

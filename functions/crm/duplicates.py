"""Find customers who may be there twice."""

from msgspec import Struct
from sqlalchemy import bindparam, exists

from neurova import Tx, get

from .domain import Limit, Place, customers
from .lookalikes import SIGNS, Lookalike, alike


class Duplicates(Struct):
    """Give some look-alikes, oldest first; `next` is the `after` of the next page, or null."""

    duplicates: list[Lookalike]
    next: int | None


_earlier = customers.alias()
_page = (
    alike(
        {
            sign: exists().where(
                _earlier.c[column] == customers.c[column], _earlier.c.seq < customers.c.seq
            )
            for sign, column in SIGNS.items()
        }
    )
    .where(customers.c.seq > bindparam("after"))
    .order_by(customers.c.seq)
    .limit(bindparam("limit"))
)


@get("/customers/duplicates", scopes=["crm:read"], limit="60/minute")
async def list_duplicates(tx: Tx, after: Place = 0, limit: Limit = 50) -> Duplicates:
    """List the customers who share an email, a phone or a name with one who came before them."""
    rows = (await tx.execute(_page, {"after": after, "limit": limit + 1})).mappings().all()
    found = [Lookalike.read(row) for row in rows[:limit]]
    return Duplicates(found, rows[limit - 1]["seq"] if len(rows) > limit else None)

"""Find whom a customer may be the duplicate of."""

from sqlalchemy import bindparam

from neurova import Tx, get

from .customers import current
from .domain import customers
from .lookalikes import SIGNS, Lookalike, alike

MOST = 100

_alike = (
    alike({sign: customers.c[column] == bindparam(column) for sign, column in SIGNS.items()})
    .where(customers.c.id != bindparam("id"))
    .order_by(customers.c.seq)
    .limit(MOST)
)


@get("/customers/{id}/duplicates", scopes=["crm:read"])
async def list_duplicates_of(id: str, tx: Tx) -> list[Lookalike]:
    """List up to a hundred customers who share email, phone or name with one, most shared first."""
    row = (await current(tx, id)).row()
    asked = {"id": id, **{column: row[column] for column in SIGNS.values()}}
    found = [Lookalike.read(row) for row in (await tx.execute(_alike, asked)).mappings()]
    return sorted(found, key=lambda each: -len(each.shares))

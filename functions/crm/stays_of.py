"""List the stays of a customer."""

from sqlalchemy import bindparam, select

from neurova import Tx, get

from .customers import get_unmerged
from .domain import Stay, from_row, stays

_select = (
    select(stays)
    .where(stays.c.customer == bindparam("customer"))
    .order_by(stays.c.arrival.desc(), stays.c.seq.desc())
    .limit(500)
)


@get("/customers/{id}/stays", scopes=["crm:read"])
async def list_customer_stays(id: str, tx: Tx) -> list[Stay]:
    """List the 500 latest stays of a customer and of the customers merged into it."""
    await get_unmerged(tx, id)
    return [from_row(Stay, row) for row in (await tx.execute(_select, {"customer": id})).mappings()]

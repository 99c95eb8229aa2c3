"""List possible duplicates of one customer."""

from sqlalchemy import bindparam

from neurova import Tx, get

from .customers import get_unmerged
from .domain import customers
from .possible_duplicates import COLUMNS, PossibleDuplicate, select_sharing

MAX_DUPLICATES = 100

_select = (
    select_sharing(
        {field: customers.c[column] == bindparam(column) for field, column in COLUMNS.items()}
    )
    .where(customers.c.id != bindparam("id"))
    .order_by(customers.c.seq)
    .limit(MAX_DUPLICATES)
)


@get("/customers/{id}/duplicates", scopes=["crm:read"])
async def list_duplicates_of(id: str, tx: Tx) -> list[PossibleDuplicate]:
    """List up to 100 customers that share email, phone or name, best match first."""
    row = (await get_unmerged(tx, id)).to_row()
    values = {"id": id, **{column: row[column] for column in COLUMNS.values()}}
    rows = (await tx.execute(_select, values)).mappings()
    return sorted(map(PossibleDuplicate.from_row, rows), key=lambda each: -len(each.shares))

"""Erase a customer."""

from sqlalchemy import String, bindparam

from neurova import Tx, delete

from .customers import get_unmerged
from .domain import customers, interactions, notes, texts

_id = bindparam("customer", type_=String)
# Delete the rows that refer to the customer first.
_erase = (
    texts.delete().where(texts.c.customer == _id),
    notes.delete().where(notes.c.customer == _id),
    interactions.delete().where(interactions.c.customer == _id),
    customers.delete().where(customers.c.merged_into == _id),
    customers.delete().where(customers.c.id == _id),
)


@delete("/customers/{id}", scopes=["crm:erase"])
async def erase_customer(id: str, tx: Tx) -> None:
    """Erase a customer, its notes and interactions, and the customers merged into it."""
    await get_unmerged(tx, id)
    for statement in _erase:
        await tx.execute(statement, {"customer": id})

"""Erase a customer."""

from sqlalchemy import String, bindparam

from neurova import Tx, delete

from .customers import get_unmerged
from .domain import customers, interactions, notes, stays, texts

_id = bindparam("id", type_=String)
# First the rows that refer to the customer. Its stays remain, without the customer.
_erase = (
    texts.delete().where(texts.c.customer == _id),
    notes.delete().where(notes.c.customer == _id),
    interactions.delete().where(interactions.c.customer == _id),
    stays.update().where(stays.c.customer == _id).values(customer=None),
    customers.delete().where(customers.c.merged_into == _id),
    customers.delete().where(customers.c.id == _id),
)


@delete("/customers/{id}", scopes=["crm:erase"])
async def erase_customer(id: str, tx: Tx) -> None:
    """Erase a customer, its notes and interactions, and the customers merged into it.

    Its stays remain, without the customer.
    """
    await get_unmerged(tx, id)
    for statement in _erase:
        await tx.execute(statement, {"id": id})

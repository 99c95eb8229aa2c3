"""Make one customer of two."""

from msgspec import Struct
from sqlalchemy import String, bindparam

from neurova import Caller, Fault, Reject, Tx, post

from .customers import current, known, store
from .domain import Customer, Id, customers, interactions, notes
from .index import move
from .note import write

_from, _into = bindparam("from_", type_=String), bindparam("into", type_=String)
_move = (
    notes.update().where(notes.c.customer == _from).values(customer=_into),
    interactions.update().where(interactions.c.customer == _from).values(customer=_into),
    # One step from any merged id to whom it is now, however often that one was merged itself.
    customers.update().where(customers.c.merged_into == _from).values(merged_into=_into),
    customers.update()
    .where(customers.c.id == _from)
    .values(merged_into=_into, name="", name_key=None, company="", email=None, phone=None),
)


class Merge(Struct, forbid_unknown_fields=True):
    """Name the customer that is to become part of this one."""

    duplicate: Id


@post("/customers/{id}/merge", scopes=["crm:merge"])
async def merge_customers(id: str, merge: Merge, caller: Caller, tx: Tx) -> Customer:
    """Make a duplicate part of a customer: notes, interactions and what the customer lacks.

    What the customer says otherwise than its duplicate becomes a note. To merge twice is once.
    """
    if merge.duplicate == id:
        fault = Fault("/duplicate", "is the customer itself: name another one")
        raise Reject(422, "A customer cannot be merged into itself", errors=[fault])
    kept = await current(tx, id)
    gone, into = await known(tx, merge.duplicate)
    if into == id:
        return kept
    if into is not None:
        raise Reject(
            409, f"Customer {gone.id} was merged into {into}: merge that one, if it is one"
        )
    customer, left = kept.joined(gone)
    for statement in _move:
        await tx.execute(statement, {"from_": gone.id, "into": id})
    await move(tx, gone.id, id)
    await store(tx, customer)
    if left:
        await write(tx, id, f"Of {gone.id}, merged into this customer:\n{left}", caller.consumer)
    return customer

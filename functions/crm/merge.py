"""Merge a duplicate into a customer."""

from msgspec import Struct
from sqlalchemy import String, bindparam

from neurova import Caller, Fault, Reject, Tx, post

from .customers import find_customer, get_unmerged, store_customer
from .domain import Customer, CustomerMerged, Id, customers, interactions, notes, stays
from .index import move_texts
from .note import store_note

_from, _into = bindparam("from_", type_=String), bindparam("into", type_=String)
_move = (
    notes.update().where(notes.c.customer == _from).values(customer=_into),
    interactions.update().where(interactions.c.customer == _from).values(customer=_into),
    stays.update().where(stays.c.customer == _from).values(customer=_into),
    # Customers merged into the duplicate earlier now refer to the remaining customer.
    customers.update().where(customers.c.merged_into == _from).values(merged_into=_into),
    customers.update()
    .where(customers.c.id == _from)
    .values(merged_into=_into, name="", name_key=None, company="", email=None, phone=None),
)


class Merge(Struct, forbid_unknown_fields=True):
    """The id of the customer to merge into this one."""

    duplicate: Id


@post("/customers/{id}/merge", scopes=["crm:merge"])
async def merge_customers(id: str, merge: Merge, caller: Caller, tx: Tx) -> Customer:
    """Move a duplicate's notes, interactions and stays to a customer; fill in missing values.

    Values that differ are kept in a note. A repeated call changes nothing.
    """
    if merge.duplicate == id:
        fault = Fault("/duplicate", "is the customer itself: use the id of another customer")
        raise Reject(422, "A customer cannot be merged into itself.", errors=[fault])
    before = await get_unmerged(tx, id)
    duplicate, into = await find_customer(tx, merge.duplicate)
    if into == id:
        return before
    if into is not None:
        raise Reject(409, f"Customer {duplicate.id} was merged into {into} already.")
    customer, differences = before.merge_with(duplicate)
    for statement in _move:
        await tx.execute(statement, {"from_": duplicate.id, "into": id})
    await move_texts(tx, duplicate.id, id)
    await store_customer(tx, customer)
    if differences:
        text = f"Values of {duplicate.id}, merged into this customer:\n{differences}"
        await store_note(tx, id, text, caller.consumer)
    tx.publish(CustomerMerged(id, duplicate.id))
    return customer

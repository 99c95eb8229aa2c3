"""Customers as they stand: read by id, and written back."""

from sqlalchemy import bindparam, select

from neurova import Reject, Tx

from .domain import STORED, Customer, customers, read
from .index import put

# Built once, here, a statement costs a quarter of one that is built at every call.
_known = select(*STORED, customers.c.merged_into).where(customers.c.id == bindparam("id"))
_update = customers.update().where(customers.c.id == bindparam("customer"))


async def known(tx: Tx, id: str) -> tuple[Customer, str | None]:
    """Return a customer and, if it was merged, the id of the one that it is part of."""
    row = (await tx.execute(_known, {"id": id})).mappings().first()
    if row is None:
        raise Reject(404, f"There is no customer {id!r}: it never was, or it was erased")
    return read(Customer, row), row["merged_into"]


async def current(tx: Tx, id: str) -> Customer:
    """Return a customer that is not merged into another."""
    customer, into = await known(tx, id)
    if into is not None:
        raise Reject(410, f"Customer {id} was merged into {into}: say /customers/{into} instead")
    return customer


async def store(tx: Tx, customer: Customer) -> None:
    """Write a changed customer back, and what it is found by."""
    row = customer.row()
    del row["id"]  # set, even to itself, SQLite would look through all that refers to it
    await tx.execute(_update, {"customer": customer.id, **row})
    await put(tx, customer)

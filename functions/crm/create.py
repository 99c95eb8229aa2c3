"""Take in a customer."""

from neurova import Tx, post

from .domain import Customer, NewCustomer, customers
from .index import put

_add = customers.insert()


@post("/customers", scopes=["crm:write"], status=201)
async def create_customer(new: NewCustomer, tx: Tx) -> Customer:
    """Take in a customer; one who may be there already is told by their look-alikes."""
    customer = Customer.of(new)
    await tx.execute(_add, customer.row())
    await put(tx, customer)
    return customer

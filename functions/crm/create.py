"""Create a customer."""

from neurova import Tx, post

from .domain import Customer, NewCustomer, customers
from .index import index_customer

_insert = customers.insert()


@post("/customers", scopes=["crm:write"], status=201)
async def create_customer(new: NewCustomer, tx: Tx) -> Customer:
    """Create a customer. GET /customers/{id}/duplicates then lists possible duplicates."""
    customer = Customer.create(new)
    await tx.execute(_insert, customer.to_row())
    await index_customer(tx, customer)
    return customer

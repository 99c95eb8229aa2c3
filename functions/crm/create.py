"""Create a customer."""

from neurova import Tx, post

from .customers import insert_customer
from .domain import Customer, NewCustomer


@post("/customers", scopes=["crm:write"], status=201)
async def create_customer(new: NewCustomer, tx: Tx) -> Customer:
    """Create a customer. GET /customers/{id}/duplicates then lists possible duplicates."""
    customer = Customer.create(new)
    await insert_customer(tx, customer)
    return customer

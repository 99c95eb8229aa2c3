"""Change a customer."""

from neurova import Reject, Tx, patch

from .customers import current, store
from .domain import Change, Customer


@patch("/customers/{id}", scopes=["crm:write"])
async def change_customer(id: str, change: Change, tx: Tx) -> Customer:
    """Change what is given of a customer, if nobody has changed it since the version given."""
    before = await current(tx, id)
    if before.version != change.version:
        raise Reject(
            409,
            f"Customer {id} is at version {before.version}, not {change.version}: read it again, "
            "and change it as it is now",
        )
    customer = before.altered(change)
    await store(tx, customer)
    return customer

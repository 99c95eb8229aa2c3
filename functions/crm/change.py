"""Change a customer."""

from neurova import Reject, Tx, patch

from .customers import get_unmerged, store_customer
from .domain import Change, Customer


@patch("/customers/{id}", scopes=["crm:write"])
async def change_customer(id: str, change: Change, tx: Tx) -> Customer:
    """Change fields of a customer. `version` must be the current version."""
    before = await get_unmerged(tx, id)
    if before.version != change.version:
        raise Reject(
            409,
            f"Customer {id} is at version {before.version}, not {change.version}: read it again "
            "and repeat the change.",
        )
    customer = before.apply(change)
    await store_customer(tx, customer)
    return customer

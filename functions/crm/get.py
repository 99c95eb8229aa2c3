"""Read a customer."""

from neurova import Reply, Tx, get

from .customers import find_customer
from .domain import Customer


@get("/customers/{id}", scopes=["crm:read"])
async def get_customer(id: str, tx: Tx) -> Customer | Reply:
    """Return a customer. A merged customer redirects to the one it was merged into."""
    customer, into = await find_customer(tx, id)
    if into is not None:
        return Reply(301, {"merged_into": into}, {"Location": f"/customers/{into}"})
    return customer

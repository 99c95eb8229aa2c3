"""Read a customer."""

from neurova import Reply, Tx, get

from .customers import known
from .domain import Customer


@get("/customers/{id}", scopes=["crm:read"])
async def get_customer(id: str, tx: Tx) -> Customer | Reply:
    """Return a customer; one that was merged answers where it is now."""
    customer, into = await known(tx, id)
    if into is not None:
        return Reply(301, {"merged_into": into}, {"Location": f"/customers/{into}"})
    return customer

"""Delete a price, in a thread."""

from neurova import delete


@delete("/prices/{name}", scopes=["shop:sell"], status=200, respond_async=True)
def delete_price(name: str) -> dict[str, str]:
    return {"deleted": name}

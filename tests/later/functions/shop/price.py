"""Set a price, without a transaction and without waiting."""

from neurova import put


@put("/prices/{name}", scopes=["shop:sell"], respond_async=True)
async def set_price(name: str, cents: int) -> dict[str, int]:
    return {name: cents}

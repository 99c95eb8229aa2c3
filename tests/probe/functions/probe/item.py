"""Return one item to anybody with a key."""

from neurova import Caller, get

from .domain import counted


@get("/items/{id}")
async def item(id: str, caller: Caller) -> dict[str, str]:
    counted.append("item")
    return {"id": id, "consumer": caller.consumer}

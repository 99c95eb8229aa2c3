from neurova import get


@get("/items/{id}")
async def read_item(id: str) -> dict[str, str]:
    return {"id": id}

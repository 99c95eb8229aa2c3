from neurova import get


@get("/items/first")
async def read_first() -> dict[str, str]:
    return {"id": "the first"}

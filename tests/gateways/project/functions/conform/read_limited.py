from neurova import get


@get("/limited", limit="3/minute")
async def read_limited() -> dict[str, str]:
    return {}

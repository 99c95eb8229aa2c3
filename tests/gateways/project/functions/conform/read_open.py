from neurova import get


@get("/open", public=True)
async def read_open() -> dict[str, str]:
    return {"open": "yes"}

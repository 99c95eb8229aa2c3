"""Send a cached response that is compressed."""

from neurova import get


@get("/whole", public=True, cache="60s")
async def whole() -> list[int]:
    return list(range(3000))

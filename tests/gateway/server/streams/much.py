"""Send zeros."""

from neurova import get


@get("/much/{megabytes}", public=True)
async def much(megabytes: int) -> bytes:
    return bytes(megabytes << 20)

"""Return many bytes."""

from neurova import Reply, get


@get("/large", public=True)
async def large(size: int, media: str = "text/plain") -> Reply:
    return Reply(200, b"\0" * size, {"content-type": media})

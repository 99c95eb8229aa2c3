"""Send three bytes with another Content-Length."""

from starlette.responses import StreamingResponse

from neurova import get


@get("/short/{length}", public=True)
async def short(length: int):
    return StreamingResponse(iter(["abc"]), headers={"content-length": str(length)})

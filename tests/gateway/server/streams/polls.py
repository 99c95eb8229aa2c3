"""Send five events, or wait in a plain function, until the client has disconnected."""

import asyncio

from starlette.responses import StreamingResponse

from neurova import Request, get

from .domain import counted


async def events(request: Request):
    for number in range(5):
        if await request.is_disconnected():
            break
        yield f"data: {number}\n\n"


@get("/polls", public=True)
async def polls(request: Request, how: str = "stream") -> object:
    if how == "stream":
        return StreamingResponse(events(request))
    counted.append("begun")
    while not await request.is_disconnected():
        await asyncio.sleep(0)
    counted.append("disconnected")
    await asyncio.sleep(0)
    counted.append("finished")
    return "late"

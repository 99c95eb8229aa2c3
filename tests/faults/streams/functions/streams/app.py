"""An app with a stream and a plain response."""

import asyncio

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from neurova import mount


async def streamed(request):
    async def items():
        for item in range(30):
            yield f"{item}\n" * 50
            await asyncio.sleep(0.001)

    return StreamingResponse(items())


async def plain(request):
    await asyncio.sleep(0.002)
    return PlainTextResponse("x" * 3000)


routes = [Route("/streamed", streamed), Route("/plain", plain)]
app = mount("/app", Starlette(routes=routes), public=True)

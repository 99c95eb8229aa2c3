"""Stream items with a pause after each."""

import asyncio

from neurova import get


@get("/waits", public=True)
async def waits(items: int = 30, pause: float = 0.0):
    for item in range(items):
        yield {"item": item}
        await asyncio.sleep(pause)

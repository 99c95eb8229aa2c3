"""Send events without an end."""

import asyncio
from collections.abc import AsyncIterator

from neurova import get


@get("/ticks", public=True)
async def ticks() -> AsyncIterator[dict[str, int]]:
    for number in range(1_000_000):
        yield {"n": number}
        await asyncio.sleep(0.01)

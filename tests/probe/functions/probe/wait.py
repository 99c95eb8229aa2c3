"""Wait some milliseconds."""

import asyncio

from neurova import get

from .domain import counted


@get("/wait/{ms}", public=True)
async def wait(ms: int) -> dict[str, int]:
    await asyncio.sleep(ms / 1000)
    counted.append("wait")
    return {"waited": ms}

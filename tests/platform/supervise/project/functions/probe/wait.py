"""Wait without blocking the event loop."""

import asyncio
import os

from neurova import get


@get("/wait/{ms}", public=True)
async def wait(ms: int) -> str:
    with open("waiting", "a") as file:
        file.write(f"{ms}\n")
    await asyncio.sleep(ms / 1000)
    return str(os.getpid())

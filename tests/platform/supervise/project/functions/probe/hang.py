"""Block the event loop in a system call."""

import time

from neurova import get


@get("/hang", public=True)
async def hang() -> str:
    time.sleep(3600)
    return "never"

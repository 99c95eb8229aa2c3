"""Return the process that answers."""

import os

from neurova import get


@get("/pid", public=True)
async def pid() -> str:
    return str(os.getpid())

"""Return after the timeout of a Lambda function."""

import asyncio

from neurova import get


@get("/late", public=True)
async def late() -> None:
    await asyncio.sleep(600)

"""Send one event at most, then hang."""

import asyncio

from neurova import ServerSentEvent, get

from .domain import counted


@get("/quiet", public=True)
async def quiet(first: int = 1):
    try:
        if first:
            yield ServerSentEvent({"a": 1}, event="began", id="1")
        await asyncio.Event().wait()
        yield 2
    finally:
        await asyncio.sleep(0)
        counted.append("quiet")

"""Stream numbers; the last path segment says how it ends."""

import asyncio

from neurova import get

from .domain import counted

made: list[int] = []


@get("/numbers/{most}", public=True)
async def numbers(most: int, end: str = ""):
    try:
        if end == "never-begins":
            await asyncio.Event().wait()
        for number in range(most):
            made.append(number)
            yield {"number": number}
        if end == "raises":
            raise ValueError("secret")
        if end == "hangs":
            await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        counted.append("numbers")

from collections.abc import AsyncIterator

from neurova import get


@get("/lines")
async def read_lines() -> AsyncIterator[dict[str, int]]:
    for number in range(3):
        yield {"line": number}

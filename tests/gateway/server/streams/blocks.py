"""Stream 64 MB."""

from neurova import get

made: list[int] = []


@get("/blocks", public=True)
async def blocks():
    for number in range(1000):
        made.append(number)
        yield bytes(64 * 1024)

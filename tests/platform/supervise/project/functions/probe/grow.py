"""Use more memory with each call."""

from neurova import get

held: list[bytes] = []


@get("/grow/{mb}", public=True)
async def grow(mb: int) -> int:
    held.append(b"x" * (mb << 20))
    return len(held)

"""Return how often functions ran."""

from neurova import get

from .domain import counted


@get("/count", public=True)
async def count() -> dict[str, int]:
    return {"count": len(counted)}

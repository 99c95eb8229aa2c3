from datetime import date

from neurova import get

SINCE, UNTIL = date(2026, 1, 1), date(2027, 1, 1)


@get("/names", public=True, limit="5/second", cache="5m", deprecated=SINCE, sunset=UNTIL)
async def name() -> str:
    """Return a name."""
    return "name"

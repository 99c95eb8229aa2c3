"""Return a text that needs one scope."""

from neurova import get

from .domain import counted


@get("/secret", scopes=["probe:secret"], limit="1000/second")
async def secret() -> str:
    counted.append("secret")
    return "told"

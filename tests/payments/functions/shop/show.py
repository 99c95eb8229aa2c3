"""Show a secret as text and its value, without waiting."""

from typing import Annotated

from neurova import Secret, get


@get("/show", public=True)
async def show(token: Annotated[Secret, "stripe#token"]) -> dict[str, str]:
    return {"text": f"{token} {token!r}", "value": token.value}

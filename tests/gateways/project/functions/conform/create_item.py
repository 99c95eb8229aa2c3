from typing import Any

from neurova import post


@post("/items", scopes=["items:write"])
async def create_item(body: dict[str, Any]) -> dict[str, Any]:
    return body

from typing import Any

from neurova import Caller, get


@get("/who")
async def who(caller: Caller) -> dict[str, Any]:
    return {"consumer": caller.consumer, "scopes": sorted(caller.scopes)}

from neurova import Reply, put


@put("/own/{a}/{b}", public=True)
async def own(a: int, b: str, *, times: int) -> Reply:
    """Return a response of its own."""
    return Reply(202, {"a": a}, {"Location": "/own"})

from neurova import get


@get("/octets")
async def octets() -> bytes:
    return b"octets"

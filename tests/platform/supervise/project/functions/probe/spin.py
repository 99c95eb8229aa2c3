"""Block the event loop in a loop that catches every exception."""

from neurova import get


@get("/spin", public=True)
async def spin() -> str:
    while True:
        try:
            sum(range(1000))
        except BaseException:
            continue

"""Stream lines from a thread."""

from neurova import get


@get("/lines", public=True)
def lines():
    for number in range(3):
        yield f"line {number}\n"

"""Stream text from a thread."""

from neurova import get


@get("/threaded", public=True)
def threaded(items: int = 30):
    for item in range(items):
        yield f"item {item}\n" * 100

"""Block a thread, which no process can abandon."""

import time

from neurova import get


@get("/hold", public=True)
def hold() -> str:
    with open("waiting", "a") as file:
        file.write("hold\n")
    time.sleep(3600)
    return "never"

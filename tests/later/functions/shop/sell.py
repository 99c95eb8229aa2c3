"""Sell, and fail as the test says."""

import os
import signal
from pathlib import Path

from neurova import Caller, Reject, Tx, post

from .domain import sold


def die_once(point: str, number: int) -> None:
    """Kill this process once, if the test has created a file for this point."""
    file = Path(f"kill-{point}-{number}")
    if file.exists():
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


@post("/sales/{number}", scopes=["shop:sell"], status=201, respond_async=True)
async def sell(number: int, tx: Tx, caller: Caller) -> dict[str, object]:
    die_once("begin", number)
    await tx.execute(sold.insert(), {"number": number})
    die_once("written", number)
    if number == 409:
        raise Reject(409, "sold out")
    if number == 500:
        raise ValueError("broken")
    tx.after_commit(die_once, "committed", number)
    return {"number": number, "consumer": caller.consumer}

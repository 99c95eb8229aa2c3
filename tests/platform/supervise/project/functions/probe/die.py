"""Crash the process."""

import ctypes

from neurova import get


@get("/die", public=True)
async def die() -> str:
    ctypes.string_at(0)
    return "never"

"""Build raw HTTP/1.1 requests and parse responses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable


def request(
    method: str = "GET", target: str = "/count", *fields: str, body: bytes = b"", close: bool = True
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: probe", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def statuses(data: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]


def bodies(data: bytes) -> list[bytes]:
    """Return the bodies of responses, each of which has a Content-Length."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        size = int(length[1]) if length else 0
        found.append(data[:size])
        data = data[size:]
    return found


def decode_chunks(data: bytes) -> tuple[bytes, bool]:
    """Return the decoded chunked body, and whether it is complete."""
    pieces, place = [], 0
    while place < len(data):
        end = data.index(b"\r\n", place)
        length = int(data[place:end], 16)
        if not length:
            return b"".join(pieces), data[end:] == b"\r\n\r\n"
        pieces.append(data[end + 2 : end + 2 + length])
        place = end + length + 4
    return b"".join(pieces), False


async def wait_until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)

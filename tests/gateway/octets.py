"""Requests as octets, and what came back taken apart."""

from __future__ import annotations

import re


def request(
    method: str = "GET",
    target: str = "/count",
    *fields: str,
    body: bytes = b"",
    close: bool = True,
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: probe", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def statuses(octets: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", octets)]


def bodies(octets: bytes) -> list[bytes]:
    """Split an answer by its lengths."""
    found = []
    while octets:
        head, _, octets = octets.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        size = int(length[1]) if length else 0
        found.append(octets[:size])
        octets = octets[size:]
    return found

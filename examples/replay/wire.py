"""HTTP/1.1 as far as a client of the platform needs it: one connection, kept, a call at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import NamedTuple

from .errors import Lost, ReplayError

PATIENCE = 60.0
"""Seconds to wait for an answer; the platform gives one within 30."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Answer(NamedTuple):
    """Hold an answer's status and body."""

    status: int
    body: bytes


def request(method: str, target: str, key: str, body: bytes = b"") -> bytes:
    """Return a call as it is sent."""
    lines = [f"{method} {target} HTTP/1.1", "host: 127.0.0.1", f"x-api-key: {key}"]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """Talk to the first of `ports` that answers, over a connection that stays open."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._streams: Streams | None = None

    async def exchange(self, call: bytes) -> Answer:
        """Send a call and return its answer.

        Raises Lost when the connection ends in between, ReplayError when nobody answers.
        """
        reader, writer = self._streams or await self._connect()
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(call)
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
        except (OSError, EOFError) as error:  # TimeoutError is one of them
            self.close()
            raise Lost from error
        if _CLOSE.search(head):
            self.close()
        return Answer(int(head[9:12]), body)

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _connect(self) -> Streams:
        for port in self._ports:
            try:
                self._streams = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            return self._streams
        raise ReplayError(f"nobody answers on port {', '.join(map(str, self._ports))}")

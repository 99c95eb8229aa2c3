"""A small HTTP/1.1 client: one kept-alive connection, one call at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import NamedTuple

TIMEOUT = 60.0
"""Seconds to wait for a response; the platform responds within 30 seconds."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ReplayError(Exception):
    """The replay failed; the message says why."""


class ConnectionLost(Exception):
    """The connection ended before the response, so the call may or may not have had an effect."""


class Response(NamedTuple):
    """Hold the status and the body of a response."""

    status: int
    body: bytes


def encode_request(method: str, target: str, key: str, body: bytes = b"") -> bytes:
    """Return the encoded request."""
    lines = [f"{method} {target} HTTP/1.1", "host: 127.0.0.1", f"x-api-key: {key}"]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """A connection to the first of `ports` that accepts one."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._streams: Streams | None = None

    async def exchange(self, request: bytes) -> Response:
        """Send a request and return its response.

        Raises ConnectionLost if the connection ends before the response, ReplayError if no port
        accepts a connection.
        """
        reader, writer = self._streams or await self._connect()
        try:
            async with asyncio.timeout(TIMEOUT):
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
        except (OSError, EOFError) as error:  # TimeoutError is an OSError
            self.close()
            raise ConnectionLost from error
        if _CLOSE.search(head):
            self.close()
        return Response(int(head[9:12]), body)

    def close(self) -> None:
        """Close the connection."""
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
        raise ReplayError(f"no server listens on port {', '.join(map(str, self._ports))}")

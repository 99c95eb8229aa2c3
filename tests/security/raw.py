"""Send raw bytes to a port."""

from __future__ import annotations

import socket
from contextlib import suppress


def exchange(port: int, data: bytes) -> bytes:
    """Send bytes on a new connection and return the response, read until EOF."""
    response = b""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while part := client.recv(65_536):
                response += part
    return response

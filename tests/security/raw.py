"""Octets to a port and what comes back."""

from __future__ import annotations

import socket
from contextlib import suppress


def exchange(port: int, octets: bytes) -> bytes:
    """Send octets on a connection of their own; return all that comes until it is closed."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while part := client.recv(65_536):
                answer += part
    return answer

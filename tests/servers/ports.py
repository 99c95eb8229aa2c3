"""Free ports for servers that cannot choose one themselves."""

from __future__ import annotations

import socket


def free_ports(number: int) -> list[int]:
    """Return distinct free ports on loopback."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports: list[int] = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports

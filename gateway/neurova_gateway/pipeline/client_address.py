"""Step: read the client's address from X-Forwarded-For."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from neurova.http.call import Call

from .route_entry import Step


def client_address_reader(proxies: Sequence[str]) -> Step:
    """Return the step that trusts the X-Forwarded-For entries added by `proxies` (CIDRs)."""
    networks = tuple(ip_network(proxy) for proxy in proxies)

    def read_client_address(call: Call) -> None:
        hops = [
            hop.strip()
            for name, value in call.fields
            if name == b"x-forwarded-for"
            for hop in value.decode("latin-1").split(",")
        ]
        address = _parse(call.client)
        while hops and address is not None and any(address in network for network in networks):
            hop = hops.pop()
            address = _parse(hop)
            if address is not None:
                call.client = hop

    return read_client_address


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None

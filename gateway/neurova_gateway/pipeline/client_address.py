"""Step: read the client's address from X-Forwarded-For."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from neurova.http.call import Call

from .route_entry import Step


def client_address_reader(proxies: Sequence[str]) -> Step:
    """Return the step that trusts X-Forwarded-For as far as `proxies` (CIDRs) wrote it."""
    networks = tuple(ip_network(proxy) for proxy in proxies)

    def read_client_address(call: Call) -> None:
        hops = [
            hop.strip()
            for name, value in call.fields
            if name == b"x-forwarded-for"
            for hop in value.decode("latin-1").split(",")
        ]
        while hops and _is_within(call.client, networks):
            hop = hops.pop()
            if not _is_address(hop):
                break
            call.client = hop

    return read_client_address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)

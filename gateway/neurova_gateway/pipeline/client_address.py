"""Step: read the client's address from X-Forwarded-For."""

from __future__ import annotations

from collections.abc import Sequence

from neurova.http.addresses import UNKNOWN, parse_address, parse_hop, parse_network
from neurova.http.call import Call

from .route_entry import Step


def client_address_reader(proxies: Sequence[str]) -> Step:
    """Return the step that trusts the X-Forwarded-For entries added by `proxies` (CIDRs).

    The client's address is the last entry that is not a trusted proxy. It is UNKNOWN if this entry
    is not an IP address, because the proxy's address or a forged entry could have more rights.
    """
    networks = tuple(map(parse_network, proxies))

    def read_client_address(call: Call) -> None:
        hops = [
            hop
            for name, value in call.fields
            if name == b"x-forwarded-for"
            for hop in value.decode("latin-1").split(",")
        ]
        address = parse_address(call.client)
        while hops and address is not None and any(address in network for network in networks):
            address = parse_hop(hops.pop())
            call.client = UNKNOWN if address is None else str(address)

    return read_client_address

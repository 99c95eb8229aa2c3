"""Parse IP addresses and networks in all their notations."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
UNKNOWN = "unknown"
"""The address of a client for which no proxy has sent a valid address."""

_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
_MAPPED = IPv6Network("::ffff:0:0/96")


def parse_address(text: str) -> Address | None:
    """Parse an address; drop its zone, convert an IPv4-mapped one to IPv4. None if invalid."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def parse_hop(text: str) -> Address | None:
    """Return the address of an X-Forwarded-For entry, which may have quotes, brackets and a port.

    Return None for any other text, like "unknown", a name or an empty entry.
    """
    text = text.strip(" \t")
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    match = _WITH_PORT.fullmatch(text)
    return parse_address((match[1] or match[2]) if match else text)


@lru_cache(maxsize=1024)
def parse_network(text: str) -> IPv4Network | IPv6Network:
    """Parse a network; convert an IPv4-mapped one to IPv4. Raises ValueError for other text."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        first = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((first, network.prefixlen - _MAPPED.prefixlen))
    return network

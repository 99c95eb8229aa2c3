"""Every valid spelling of addresses and networks is accepted, and no other."""

import pytest

from neurova.http.addresses import parse_hop, parse_network


@pytest.mark.parametrize(
    ("hop", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7\t", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ('"203.0.113.7:51234"', "203.0.113.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ('"[2001:db8::7]:443"', "2001:db8::7"),
        ("2001:db8::7:443", "2001:db8::7:443"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:cb00:7107]:443", "203.0.113.7"),
        ("", None),
        ('"', None),
        ('""', None),
        ("unknown", None),
        ("_hidden", None),
        ("unix:", None),
        ("for=203.0.113.7", None),
        ("203.0.113.7:", None),
        ("203.0.113.7:port", None),
        ("203.0.113.7:²", None),
        ("203.0.113.7 10.0.0.1", None),
        ("203.0.113.7\xa0", None),
        ("203.0.113.007", None),
        ("203.0.113", None),
        ("3405803783", None),
        ("0xcb.0.113.7", None),
        ("[2001:db8::7", None),
        ("2001:db8::7]:443", None),
        ("[]:443", None),
        ("[[::1]]", None),
        ("10.0.0.0/8", None),
        ("localhost", None),
    ],
)
def test_hop_is_read_with_its_port_or_not_at_all(hop: str, address: str | None) -> None:
    read = parse_hop(hop)
    assert (read if read is None else str(read)) == address


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_mapped_network_is_an_ipv4_network(text: str, network: str) -> None:
    """Without this conversion no address would be in the network."""
    assert str(parse_network(text)) == network

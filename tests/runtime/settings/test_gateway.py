"""Validate gateway settings beyond their types."""

from __future__ import annotations

import pytest

from neurova.settings.gateway import Cors, Gateway, find_gateway_faults


def test_defaults_are_valid() -> None:
    assert list(find_gateway_faults(Gateway())) == []


@pytest.mark.parametrize(
    ("gateway", "key"),
    [
        (Gateway(trusted_proxies=("10.0.0.1/8",)), "trusted_proxies"),
        (Gateway(trusted_proxies=("proxy",)), "trusted_proxies"),
        (Gateway(limit="many"), "limit"),
        (Gateway(hosts=("Example.org",)), "hosts"),
        (Gateway(hosts=("",)), "hosts"),
        (Gateway(hosts=("http://a",)), "hosts"),
        (Gateway(tls_cert="a"), "tls_key"),
        (Gateway(tls_key="a"), "tls_cert"),
        (Gateway(cors=Cors(origins=("https://a/",))), "cors.origins"),
        (Gateway(cors=Cors(origins=("a.example",))), "cors.origins"),
        (Gateway(cors=Cors(origins=("*",), credentials=True)), "cors.credentials"),
    ],
)
def test_fault_names_its_key(gateway: Gateway, key: str) -> None:
    assert [name for name, _ in find_gateway_faults(gateway)] == [key]


def test_valid_settings_have_no_fault() -> None:
    valid = Gateway(
        trusted_proxies=("10.0.0.0/8", "::1"),
        limit="10/second, 1000/day",
        hosts=("example.org",),
        tls_cert="a",
        tls_key="b",
        cors=Cors(origins=("https://a.example:8443",), credentials=True),
    )
    assert list(find_gateway_faults(valid)) == []

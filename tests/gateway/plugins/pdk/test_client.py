"""kong.client returns the caller: address, protocol, consumer and credential."""

from __future__ import annotations

from typing import Any

import pytest

from neurova_gateway.plugins.pdk import PdkError


def test_client_has_address_and_protocol(begin: Any) -> None:
    kong, _ = begin(client="2001:db8::1", scheme="https")
    assert kong.client.get_ip() == kong.client.get_forwarded_ip() == "2001:db8::1"
    assert kong.client.get_protocol() == "https"


def test_consumer_and_credential_are_copies_of_one_call(begin: Any) -> None:
    kong, _ = begin()
    assert kong.client.get_consumer() is kong.client.get_credential() is None
    assert kong.client.authenticate({"id": "1"}, {"id": "2"}) is None
    kong.client.get_consumer().clear()
    assert kong.client.get_consumer() == {"id": "1"}
    assert kong.client.get_credential() == {"id": "2"}
    kong, _ = begin()
    assert kong.client.get_consumer() is None


@pytest.mark.parametrize("arguments", [(None, None), ("a", "b"), (1, None)])
def test_authenticate_needs_tables(begin: Any, arguments: tuple[Any, Any]) -> None:
    kong, _ = begin()
    with pytest.raises(PdkError):
        kong.client.authenticate(*arguments)

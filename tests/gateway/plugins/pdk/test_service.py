"""kong.service.request changes the request that the function receives."""

from __future__ import annotations

from typing import Any

import pytest

from neurova_gateway.plugins.pdk import PdkError

FIELDS = [(b"host", b"x"), (b"x-a", b"client"), (b"x-a", b"again")]


def test_headers_replace_those_of_the_client(begin: Any) -> None:
    read = list(FIELDS)
    kong, call = begin(fields=read)
    with pytest.raises(PdkError):
        kong.service.request.set_headers({"X-A": "ours", "X-B": "b\nc"})
    assert call.fields == FIELDS
    kong.service.request.set_headers({"X-A": "ours", "X-B": "new"})
    assert call.fields == [(b"host", b"x"), (b"x-a", b"ours"), (b"x-b", b"new")]
    assert call.header(b"x-a") == b"ours"
    assert kong.request.get_header("x-b") == "new"
    kong.service.request.add_header("X-A", "third")
    assert [value for name, value in call.fields if name == b"x-a"][-1] == b"third"
    kong.service.request.clear_header("x-A")
    assert call.fields == [(b"host", b"x"), (b"x-b", b"new")]
    assert call.header(b"x-a") is None
    assert read == FIELDS  # the server's own list is unchanged

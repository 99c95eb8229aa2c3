"""kong.service.request changes what the function sees."""

from __future__ import annotations

from typing import Any

import pytest

from neurova_gateway.plugins.pdk import PdkError

FIELDS = [(b"host", b"x"), (b"x-a", b"client"), (b"x-a", b"again")]


def test_set_headers(begin: Any) -> None:
    """A header that is set takes the place of all that the client sent under its name."""
    kong, call = begin(fields=FIELDS)
    kong.service.request.set_headers({"X-A": "ours", "X-B": "new"})
    assert call.fields == [(b"host", b"x"), (b"x-a", b"ours"), (b"x-b", b"new")]
    assert call.header(b"x-a") == b"ours"
    assert kong.request.get_header("x-b") == "new"


def test_add_and_clear(begin: Any) -> None:
    """A header can be added beside the client's, or kept from the function."""
    kong, call = begin(fields=FIELDS)
    kong.service.request.add_header("X-A", "third")
    assert [value for name, value in call.fields if name == b"x-a"][-1] == b"third"
    kong.service.request.clear_header("x-A")
    assert call.fields == [(b"host", b"x")]
    assert call.header(b"x-a") is None


def test_the_doors_list_stays(begin: Any) -> None:
    """The list that the door read is not changed under it."""
    read = list(FIELDS)
    kong, _ = begin(fields=read)
    kong.service.request.set_header("X-A", "ours")
    assert read == FIELDS


def test_bad_header_changes_nothing(begin: Any) -> None:
    """A header that cannot be is the plugin's fault."""
    kong, call = begin(fields=FIELDS)
    with pytest.raises(PdkError):
        kong.service.request.set_headers({"X-A": "ours", "X-B": "b\nc"})
    assert call.fields == FIELDS

"""kong.request returns the same values as in Kong."""

from __future__ import annotations

from typing import Any

import pytest

from neurova_gateway.plugins.pdk import PdkError

FIELDS = [
    (b"host", b"api.example:8443"),
    (b"x-many", b"one"),
    (b"x-odd", b"caf\xe9"),
    (b"x-many", b"two"),
    (b"x-text", "ключ".encode()),
]


def test_headers_are_lists_by_lower_case_name(begin: Any) -> None:
    kong, _ = begin(fields=FIELDS)
    kong.request.get_headers()["x-many"].clear()  # clears a copy
    assert kong.request.get_headers() == {
        "host": ["api.example:8443"], "x-many": ["one", "two"], "x-odd": ["caf\udce9"],
        "x-text": ["ключ"],
    }  # fmt: skip


def test_number_of_headers_and_arguments_is_limited(begin: Any) -> None:
    kong, _ = begin(fields=[(b"a%d" % n, b"") for n in range(150)])
    assert len(kong.request.get_headers()) == 100
    assert len(kong.request.get_headers(1000)) == 150
    assert list(kong.request.get_headers(1)) == ["a0"]
    for most in (0, 1001, "5", None, 1.5, True):
        with pytest.raises(PdkError):
            kong.request.get_headers(most)
    kong, _ = begin(query=b"&".join(b"a%d" % n for n in range(150)))
    assert len(kong.request.get_query()) == 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Many", "one"),
        ("x_many", "one"),
        ("HOST", "api.example:8443"),
        ("x-odd", "caf\udce9"),
        ("x-missing", None),
    ],
)
def test_header_has_first_value_in_any_case(begin: Any, name: str, value: str | None) -> None:
    kong, _ = begin(fields=FIELDS)
    assert kong.request.get_header(name) == value
    with pytest.raises(PdkError):
        kong.request.get_header(None)


@pytest.mark.parametrize(
    ("query", "found", "arguments"),
    [
        (b"", {}, {"a": None}),
        (b"a=1&a=2&b", {"a": ["1", "2"], "b": []}, {"a": "1", "b": True, "c": None}),
        (b"a=&&=x", {"a": [""], "": ["x"]}, {"a": ""}),
        (b"a%20b=c+d%26", {"a b": ["c d&"]}, {"a b": "c d&"}),
        (b"a=%ff%zz", {"a": ["\udcff%zz"]}, {"a": "\udcff%zz"}),
    ],
)
def test_query_arguments_are_lists(
    begin: Any, query: bytes, found: dict[str, Any], arguments: dict[str, Any]
) -> None:
    kong, _ = begin(query=query)
    assert kong.request.get_query() == found
    assert {name: kong.request.get_query_arg(name) for name in arguments} == arguments
    assert kong.request.get_raw_query() == query.decode()


def test_path_and_body_are_raw(begin: Any) -> None:
    kong, call = begin("PUT", b"/%61%2f%c3%A9\xff", b"q=%61")
    assert kong.request.get_method() == "PUT"
    assert kong.request.get_raw_path() == "/%61%2f%c3%A9\udcff"
    assert kong.request.get_path() == "/a%2F%C3%A9\udcff"
    assert kong.request.get_path_with_query() == "/a%2F%C3%A9\udcff?q=%61"
    assert kong.request.get_raw_body() == b""  # not yet received
    call.body = b"\xff"
    assert kong.request.get_raw_body() == b"\xff"
    kong, _ = begin(path=b"/a")
    assert kong.request.get_path_with_query() == "/a"


@pytest.mark.parametrize(
    ("host", "scheme", "name", "port"),
    [
        (b"api.example:8443", "https", "api.example", 8443),
        (b"API.example", "https", "api.example", 443),
        (b"[::1]:80", "http", "[::1]", 80),
        (b"[::1]", "http", "[::1]", 80),
    ],
)
def test_host_and_port_are_those_requested(
    begin: Any, host: bytes, scheme: str, name: str, port: int
) -> None:
    kong, _ = begin(fields=[(b"host", host)], scheme=scheme)
    assert (kong.request.get_host(), kong.request.get_port()) == (name, port)
    assert kong.request.get_scheme() == scheme


@pytest.mark.parametrize(("version", "number"), [("1.1", 1.1), ("1.0", 1), ("2.0", 2)])
def test_http_version_is_a_number(begin: Any, version: str, number: float) -> None:
    kong, _ = begin(version=version)
    found = kong.request.get_http_version()
    assert (found, type(found)) == (number, type(number))

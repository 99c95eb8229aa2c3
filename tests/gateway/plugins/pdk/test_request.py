"""kong.request gives what Kong's gives."""

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


def test_headers(within: Any) -> None:
    """All fields come as lists by lower-case name; bytes that are no UTF-8 stay as surrogates."""
    kong, _ = within(fields=FIELDS)
    assert kong.request.get_headers() == {
        "host": ["api.example:8443"],
        "x-many": ["one", "two"],
        "x-odd": ["caf\udce9"],
        "x-text": ["ключ"],
    }


@pytest.mark.parametrize("fields", [[(b"a", b"1"), (b"b", b"2")], [(b"a", b"1"), (b"b", b"\xff")]])
def test_headers_that_do_not_repeat(within: Any, fields: list[tuple[bytes, bytes]]) -> None:
    """Fields that do not repeat are lists too."""
    kong, _ = within(fields=fields)
    text = fields[1][1].decode("utf-8", "surrogateescape")
    assert kong.request.get_headers() == {"a": ["1"], "b": [text]}


def test_headers_are_the_plugins_own(within: Any) -> None:
    """What a plugin does to the dict changes nothing for the next."""
    kong, _ = within(fields=FIELDS)
    kong.request.get_headers()["x-many"].clear()
    kong.request.get_headers().clear()
    assert kong.request.get_headers()["x-many"] == ["one", "two"]


def test_most_headers(within: Any) -> None:
    """A hundred fields come at most, or as many as are asked for."""
    kong, _ = within(fields=[(b"a%d" % n, b"") for n in range(150)])
    assert len(kong.request.get_headers()) == 100
    assert len(kong.request.get_headers(1000)) == 150
    assert list(kong.request.get_headers(1)) == ["a0"]


@pytest.mark.parametrize("most", [0, 1001, "5", None, 1.5, True])
def test_bad_most(within: Any, most: Any) -> None:
    """A bad bound is the plugin's fault."""
    kong, _ = within(fields=FIELDS)
    with pytest.raises(PdkError):
        kong.request.get_headers(most)


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
def test_header(within: Any, name: str, value: str | None) -> None:
    """A header comes by its first value, in any case, with `_` for `-`."""
    kong, _ = within(fields=FIELDS)
    assert kong.request.get_header(name) == value


def test_header_name_is_text(within: Any) -> None:
    """A name that is no text is the plugin's fault."""
    kong, _ = within()
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
def test_query(within: Any, query: bytes, found: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Arguments come as lists, without a value as [], and one by one as text, True or None."""
    kong, _ = within(query=query)
    assert kong.request.get_query() == found
    assert {name: kong.request.get_query_arg(name) for name in arguments} == arguments
    assert kong.request.get_raw_query() == query.decode()


def test_most_arguments(within: Any) -> None:
    """A hundred arguments come at most."""
    kong, _ = within(query=b"&".join(b"a%d" % n for n in range(150)))
    assert len(kong.request.get_query()) == 100


def test_path(within: Any) -> None:
    """The path comes raw, and with needless escapes undone."""
    kong, _ = within("PUT", b"/%61%2f%c3%A9\xff", b"q=%61")
    assert kong.request.get_method() == "PUT"
    assert kong.request.get_raw_path() == "/%61%2f%c3%A9\udcff"
    assert kong.request.get_path() == "/a%2F%C3%A9\udcff"
    assert kong.request.get_path_with_query() == "/a%2F%C3%A9\udcff?q=%61"


def test_path_without_query(within: Any) -> None:
    """Without a query there is no question mark."""
    kong, _ = within(path=b"/a")
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
def test_authority(within: Any, host: bytes, scheme: str, name: str, port: int) -> None:
    """Host and port are those that were asked for; the port is a number."""
    kong, _ = within(fields=[(b"host", host)], scheme=scheme)
    assert (kong.request.get_host(), kong.request.get_port()) == (name, port)
    assert kong.request.get_scheme() == scheme


@pytest.mark.parametrize(("version", "number"), [("1.1", 1.1), ("1.0", 1), ("2.0", 2)])
def test_http_version(within: Any, version: str, number: float) -> None:
    """The version is a number, whole where it is."""
    kong, _ = within(version=version)
    found = kong.request.get_http_version()
    assert (found, type(found)) == (number, type(number))


def test_body(within: Any) -> None:
    """The body is bytes, b"" before it has come."""
    kong, call = within()
    assert kong.request.get_raw_body() == b""
    call.body = b"\xff"
    assert kong.request.get_raw_body() == b"\xff"

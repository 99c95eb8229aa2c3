"""Bytes that one server may parse as one request and another server as two.

Each case hides a request with the good key. If the hidden request ran, one client could send
requests with another client's key. A conforming server never runs it.
"""

from __future__ import annotations

from collections.abc import Callable

from .conftest import Keys

Encode = Callable[[Keys], bytes]


def hidden(k: Keys) -> bytes:
    """Return the hidden request, which must not run."""
    return b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n" % k.good


def _behind(head: bytes, before: bytes = b"") -> Encode:
    return lambda k: head + b"\r\n" + before + hidden(k)


def _post(*lines: bytes, before: bytes = b"", end: bytes = b"\r\n") -> Encode:
    """Return a POST without an API key with these field lines, followed by the hidden request."""
    return _behind(end.join([b"POST /echo HTTP/1.1", b"Host: probe", *lines, b""]), before)


def _body(method: bytes, target: bytes, *lines: bytes) -> Encode:
    """Return a request whose body is the hidden request."""

    def encode(k: Keys) -> bytes:
        length = b"Content-Length: %d" % len(hidden(k))
        head = [b"%b %b HTTP/1.1" % (method, target), b"Host: probe", length, *lines]
        return b"\r\n".join([*head, b"", hidden(k)])

    return encode


def _chunk(size: bytes, end: bytes = b"\r\n") -> Encode:
    """Return a chunked POST whose first chunk has this size line."""
    return _post(b"Transfer-Encoding: chunked", before=size + end)


def _with_key(form: bytes) -> Encode:
    """Return a request with the good key in a malformed head."""
    return lambda k: form % k.good


BODIES: dict[str, Encode] = {
    "of_a_post": _body(b"POST", b"/echo"),
    "of_a_get": _body(b"GET", b"/secret"),
    "of_a_head": _body(b"HEAD", b"/secret"),
    "of_a_delete": _body(b"DELETE", b"/secret"),
    "of_options": _body(b"OPTIONS", b"/echo"),
    "of_trace": _body(b"TRACE", b"/echo"),
    "of_a_missing_path": _body(b"POST", b"/nowhere"),
    "of_a_bad_path": _body(b"POST", b"//"),
    "of_a_closing_call": _body(b"POST", b"/echo", b"Connection: close"),
    "of_an_expecting_call": _body(b"POST", b"/echo", b"Expect: 100-continue"),
    "of_an_upgrade": _body(b"POST", b"/echo", b"Connection: upgrade", b"Upgrade: h2c"),
    "of_a_websocket": _body(b"GET", b"/secret", b"Connection: upgrade", b"Upgrade: websocket"),
    "of_a_named_transfer": _body(b"POST", b"/echo", b"Transfer_Encoding: chunked"),
    "of_a_connection_that_drops_its_length": _body(
        b"POST", b"/echo", b"Connection: Content-Length"
    ),
    "of_a_chunk": lambda k: (
        _post(b"Transfer-Encoding: chunked", before=b"%x\r\n" % len(hidden(k)))(k)
        + b"\r\n0\r\n\r\n"
    ),
    "of_a_trailer": lambda k: (
        b"POST /echo HTTP/1.1\r\nHost: probe\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\nX-API-Key: %b\r\n\r\n" % k.good
    ),
    "of_a_tunnel": lambda k: b"CONNECT probe:80 HTTP/1.1\r\nHost: probe:80\r\n\r\n" + hidden(k),
}

LENGTHS: dict[str, Encode] = {
    f"length_{name}": _post(*lines)
    for name, lines in {
        "and_chunked": (b"Content-Length: 4", b"Transfer-Encoding: chunked"),
        "after_chunked": (b"Transfer-Encoding: chunked", b"Content-Length: 4"),
        "zero_and_chunked": (b"Content-Length: 0", b"Transfer-Encoding: chunked"),
        "twice": (b"Content-Length: 0", b"Content-Length: 50"),
        "twice_the_same": (b"Content-Length: 4", b"Content-Length: 4"),
        "list": (b"Content-Length: 0, 50",),
        "plus": (b"Content-Length: +0",),
        "minus": (b"Content-Length: -1",),
        "hex": (b"Content-Length: 0x0",),
        "fraction": (b"Content-Length: 0.0",),
        "exponent": (b"Content-Length: 0e1",),
        "underscore": (b"Content-Length: 0_0",),
        "space_inside": (b"Content-Length: 0 0",),
        "nul": (b"Content-Length: 0\x00",),
        "overflow": (b"Content-Length: 18446744073709551616",),
        "huge": (b"Content-Length: " + b"9" * 40,),
        "full_width": (b"Content-Length: \xef\xbc\x90",),
        "word": (b"Content-Length: none",),
        "space_before_colon": (b"Content-Length : 0",),
        "folded": (b"Content-Length:", b" 0"),
    }.items()
}

CODINGS: dict[str, Encode] = {
    f"coding_{name}": _post(*lines, before=b"0\r\n\r\n")
    for name, lines in {
        "unknown": (b"Transfer-Encoding: xchunked",),
        "gzip": (b"Transfer-Encoding: gzip",),
        "identity": (b"Transfer-Encoding: identity",),
        "gzip_chunked": (b"Transfer-Encoding: gzip, chunked",),
        "chunked_gzip": (b"Transfer-Encoding: chunked, gzip",),
        "chunked_twice": (b"Transfer-Encoding: chunked, chunked",),
        "chunked_identity": (b"Transfer-Encoding: chunked, identity",),
        "two_lines": (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        "two_lines_turned": (b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
        "quoted": (b'Transfer-Encoding: "chunked"',),
        "parameter": (b"Transfer-Encoding: chunked;q=1",),
        "comma": (b"Transfer-Encoding: ,chunked",),
        "space_before_colon": (b"Transfer-Encoding : chunked",),
        "tab_behind": (b"Transfer-Encoding: chunked\t",),  # not chunked for llhttp
        "vertical_tab": (b"Transfer-Encoding: \x0bchunked",),
        "nul": (b"Transfer-Encoding: chunked\x00",),
        "carriage_return": (b"Transfer-Encoding: x\rchunked",),
        "folded": (b"Transfer-Encoding:", b" chunked"),
        "folded_before": (b"X: y", b" Transfer-Encoding: chunked"),
        "empty": (b"Transfer-Encoding:",),
        "leading_control": (b"\x01Transfer-Encoding: chunked",),
    }.items()
}

CHUNKS: dict[str, Encode] = {
    "chunk_negative": _chunk(b"-1"),
    "chunk_plus": _chunk(b"+0"),
    "chunk_hex_prefix": _chunk(b"0x0"),
    "chunk_overflow": _chunk(b"F" * 17),
    "chunk_wraps_to_zero": _chunk(b"1" + b"0" * 16),
    "chunk_word": _chunk(b"zero"),
    "chunk_empty": _chunk(b""),
    "chunk_space_before": _chunk(b" 0"),
    "chunk_bare_feed": _chunk(b"0", b"\n\n"),
    "chunk_bare_return": _chunk(b"0", b"\r\r"),
    "chunk_extension_with_feed": _chunk(b"0;a=\nb", b"\r\n\r\n"),
    "chunk_beyond_its_size": _post(b"Transfer-Encoding: chunked", before=b"1\r\nab\r\n0\r\n\r\n"),
    "chunk_not_ended": _post(b"Transfer-Encoding: chunked", before=b"1\r\na0\r\n\r\n"),
    "trailer_with_bare_feed": _post(
        b"Transfer-Encoding: chunked", before=b"0\r\nA: b\nC: d\r\n\r\n"
    ),
}

_GET = b"GET /items/1 HTTP/1.1\r\n"
_HOST = b"Host: probe\r\n"
_KEY = b"X-API-Key: %b\r\n\r\n"


def _line(line: bytes) -> Encode:
    """Return a request with this request line and the good key."""
    return _with_key(line + b"\r\n" + _HOST + _KEY)


def _fields(fields: bytes) -> Encode:
    """Return a request with these fields; `%b` stands for the good key."""
    return _with_key(_GET + _HOST + fields + b"\r\n\r\n")


def _host(fields: bytes) -> Encode:
    """Return a request with these fields instead of Host, and the good key."""
    return _with_key(_GET + fields + _KEY)


HEADS: dict[str, Encode] = {
    "bare_feeds": _with_key(b"GET /items/1 HTTP/1.1\nHost: probe\nX-API-Key: %b\n\n"),
    "bare_feed_once": _with_key(_GET + b"Host: probe\n" + _KEY),
    "bare_returns": _with_key(b"GET /items/1 HTTP/1.1\rHost: probe\rX-API-Key: %b\r\r"),
    "key_folded": _fields(b"X-API-Key:\r\n %b"),
    "key_in_a_fold": _fields(b"A: b\r\n X-API-Key: %b"),
    "key_after_nul": _fields(b"X-API-Key: \x00%b"),
    "key_and_nul": _fields(b"X-API-Key: %b\x00"),
    "key_and_feed": _fields(b"X-API-Key: %b\n"),
    "key_and_return": _fields(b"X-API-Key: %b\rx"),
    "key_and_control": _fields(b"X-API-Key: %b\x0b"),
    "space_before_colon": _fields(b"X-API-Key : %b"),
    "space_before_name": _fields(b" X-API-Key: %b"),
    "no_colon": _fields(b"X-API-Key %b"),
    "name_in_utf8": _fields(b"X-API-Ke\xc3\xbf: %b"),
    "name_quoted": _fields(b'"X-API-Key": %b'),
    "first_line_is_a_field": _with_key(b"X-API-Key: %b\r\n" + _GET + b"\r\n"),
    "no_host": _host(b""),
    "no_host_1_0": _with_key(b"GET /items/1 HTTP/1.0\r\n" + _KEY),
    "empty_host": _host(b"Host:\r\n"),
    "two_hosts": _host(_HOST * 2),
    "two_hosts_in_one": _host(b"Host: probe, other\r\n"),
    "host_with_user": _host(b"Host: a@probe\r\n"),
    "host_with_path": _host(b"Host: probe/count\r\n"),
    "host_with_bad_port": _host(b"Host: probe:80a\r\n"),
    "version_0_9": _line(b"GET /items/1 HTTP/0.9"),
    "version_2_0": _line(b"GET /items/1 HTTP/2.0"),
    "version_1_2": _line(b"GET /items/1 HTTP/1.2"),
    "version_long": _line(b"GET /items/1 HTTP/1.10"),
    "version_lower": _line(b"GET /items/1 http/1.1"),
    "version_none": _line(b"GET /items/1"),
    "target_with_space": _line(b"GET /items/ 1 HTTP/1.1"),
    "tabs_for_spaces": _line(b"GET\t/items/1\tHTTP/1.1"),
    "target_empty": _line(b"GET  HTTP/1.1"),
    "preface_of_http_2": _line(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET /items/1 HTTP/1.1"),
    "proxy_line": _line(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET /items/1 HTTP/1.1"),
    "hello_of_tls": _with_key(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1GET /items/1 %b\r\n\r\n"),
    "response": _with_key(b"HTTP/1.1 200 OK\r\n" + _KEY),
    "hundred_fields": _host(_HOST + b"A: b\r\n" * 100),
    "too_long_a_field": _host(_HOST + b"A: %b\r\n" % (b"a" * 17_000)),
    "expectation": _host(_HOST + b"Expect: 200-ok\r\n"),
}

ALL = {**BODIES, **LENGTHS, **CODINGS, **CHUNKS, **HEADS}

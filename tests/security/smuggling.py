"""Bytes that one server may read as one request and another as two.

Each hides a request with the good key. If it ran, one client could send requests with the key of
another. No conforming server runs it.
"""

from __future__ import annotations

from collections.abc import Callable

from .conftest import Keys

Encode = Callable[[Keys], bytes]


def hidden(k: Keys) -> bytes:
    """Return the request that must not run."""
    return b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n" % k.good


def _behind(head: bytes, before: bytes = b"") -> Encode:
    return lambda k: head + b"\r\n" + before + hidden(k)


def _post(*lines: bytes, before: bytes = b"", end: bytes = b"\r\n") -> Encode:
    """Return a POST without key with these field lines, followed by the hidden request."""
    return _behind(end.join([b"POST /echo HTTP/1.1", b"Host: probe", *lines, b""]), before)


def _body(method: bytes, target: bytes, *lines: bytes) -> Encode:
    """Return a request whose body is the hidden one."""

    def encode(k: Keys) -> bytes:
        length = b"Content-Length: %d" % len(hidden(k))
        head = [b"%b %b HTTP/1.1" % (method, target), b"Host: probe", length, *lines]
        return b"\r\n".join([*head, b"", hidden(k)])

    return encode


def _chunk(size: bytes, end: bytes = b"\r\n") -> Encode:
    """Return a chunked POST whose first chunk has this size line."""
    return _post(b"Transfer-Encoding: chunked", before=size + end)


def _with_key(form: bytes) -> Encode:
    """Return a request for the item with the good key in a malformed head."""
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

HEADS: dict[str, Encode] = {
    "bare_feeds": _with_key(b"GET /items/1 HTTP/1.1\nHost: probe\nX-API-Key: %b\n\n"),
    "bare_feed_once": _with_key(b"GET /items/1 HTTP/1.1\r\nHost: probe\nX-API-Key: %b\r\n\r\n"),
    "bare_returns": _with_key(b"GET /items/1 HTTP/1.1\rHost: probe\rX-API-Key: %b\r\r"),
    "key_folded": _with_key(b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key:\r\n %b\r\n\r\n"),
    "key_in_a_fold": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nA: b\r\n X-API-Key: %b\r\n\r\n"
    ),
    "key_after_nul": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key: \x00%b\r\n\r\n"
    ),
    "key_and_nul": _with_key(b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key: %b\x00\r\n\r\n"),
    "key_and_feed": _with_key(b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key: %b\n\r\n\r\n"),
    "key_and_return": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key: %b\rx\r\n\r\n"
    ),
    "key_and_control": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key: %b\x0b\r\n\r\n"
    ),
    "space_before_colon": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key : %b\r\n\r\n"
    ),
    "space_before_name": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\n X-API-Key: %b\r\n\r\n"
    ),
    "no_colon": _with_key(b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Key %b\r\n\r\n"),
    "name_in_utf8": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nX-API-Ke\xc3\xbf: %b\r\n\r\n"
    ),
    "name_quoted": _with_key(b'GET /items/1 HTTP/1.1\r\nHost: probe\r\n"X-API-Key": %b\r\n\r\n'),
    "first_line_is_a_field": _with_key(b"X-API-Key: %b\r\nGET /items/1 HTTP/1.1\r\n\r\n"),
    "no_host": _with_key(b"GET /items/1 HTTP/1.1\r\nX-API-Key: %b\r\n\r\n"),
    "no_host_1_0": _with_key(b"GET /items/1 HTTP/1.0\r\nX-API-Key: %b\r\n\r\n"),
    "empty_host": _with_key(b"GET /items/1 HTTP/1.1\r\nHost:\r\nX-API-Key: %b\r\n\r\n"),
    "two_hosts": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"
    ),
    "two_hosts_in_one": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe, other\r\nX-API-Key: %b\r\n\r\n"
    ),
    "host_with_user": _with_key(b"GET /items/1 HTTP/1.1\r\nHost: a@probe\r\nX-API-Key: %b\r\n\r\n"),
    "host_with_path": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe/count\r\nX-API-Key: %b\r\n\r\n"
    ),
    "host_with_bad_port": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe:80a\r\nX-API-Key: %b\r\n\r\n"
    ),
    "version_0_9": _with_key(b"GET /items/1 HTTP/0.9\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"),
    "version_2_0": _with_key(b"GET /items/1 HTTP/2.0\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"),
    "version_1_2": _with_key(b"GET /items/1 HTTP/1.2\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"),
    "version_long": _with_key(b"GET /items/1 HTTP/1.10\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"),
    "version_lower": _with_key(b"GET /items/1 http/1.1\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"),
    "version_none": _with_key(b"GET /items/1\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"),
    "target_with_space": _with_key(
        b"GET /items/ 1 HTTP/1.1\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"
    ),
    "tabs_for_spaces": _with_key(
        b"GET\t/items/1\tHTTP/1.1\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"
    ),
    "target_empty": _with_key(b"GET  HTTP/1.1\r\nHost: probe\r\nX-API-Key: %b\r\n\r\n"),
    "preface_of_http_2": _with_key(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET /items/1 HTTP/1.1\r\nHost: probe\r\n"
        b"X-API-Key: %b\r\n\r\n"
    ),
    "proxy_line": _with_key(
        b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET /items/1 HTTP/1.1\r\nHost: probe\r\n"
        b"X-API-Key: %b\r\n\r\n"
    ),
    "hello_of_tls": _with_key(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1GET /items/1 %b\r\n\r\n"),
    "response": _with_key(b"HTTP/1.1 200 OK\r\nX-API-Key: %b\r\n\r\n"),
    "hundred_fields": lambda k: (
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\n" + b"A: b\r\n" * 100
        + b"X-API-Key: %b\r\n\r\n" % k.good
    ),
    "too_long_a_field": lambda k: (
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nA: %b\r\nX-API-Key: %b\r\n\r\n"
        % (b"a" * 17_000, k.good)
    ),
    "expectation": _with_key(
        b"GET /items/1 HTTP/1.1\r\nHost: probe\r\nExpect: 200-ok\r\nX-API-Key: %b\r\n\r\n"
    ),
}  # fmt: skip

ALL = {**BODIES, **LENGTHS, **CODINGS, **CHUNKS, **HEADS}

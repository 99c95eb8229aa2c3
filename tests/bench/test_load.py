"""Requests for wrk are encoded, and its output is parsed."""

from __future__ import annotations

from bench.load import Load, Request, pack, parse


def test_request_has_its_headers_and_length() -> None:
    request = Request("POST", "/quote", b'{"a": 1}', (("X-API-Key", "k"),))
    assert request.wire("h:1") == (
        b"POST /quote HTTP/1.1\r\nHost: h:1\r\nX-API-Key: k\r\n"
        b'Content-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}'
    )


def test_messages_are_packed_with_their_length() -> None:
    assert pack([b"a\r\n\r\nb", b""]) == b"6\na\r\n\r\nb0\n"


def test_last_line_of_output_is_parsed() -> None:
    output = '{"requests":10,"seconds":2.0,"refused":1,"broken":0,"p50_us":3,"p99_us":4}'
    assert parse(f"Running 1s test\n  10 requests\n\n{output}\n") == Load(10, 2.0, 1, 0, 3, 4)

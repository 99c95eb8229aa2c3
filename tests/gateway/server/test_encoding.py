"""Responses are encoded as HTTP/1.1."""

from neurova.http.reply import Reply
from neurova_gateway.server.encoding import StatusLines, encode

LINE = b"HTTP/1.1 200 OK\r\ndate: x\r\n"


def test_response_has_type_length_and_extra_fields() -> None:
    data = encode(LINE, Reply(200, {"a": 1}, {"X-B": "2"}), [(b"x-a", b"1")], False, False)
    assert data == (
        LINE + b"content-type: application/json\r\nx-a: 1\r\nx-b: 2\r\ncontent-length: 7\r\n\r\n"
        b'{"a":1}'
    )


def test_head_response_has_length_without_body() -> None:
    data = encode(LINE, Reply(200, b"1234"), [], True, False)
    assert data.endswith(b"content-length: 4\r\n\r\n")


def test_204_has_no_length_type_or_body() -> None:
    assert encode(LINE, Reply(204), [], False, True) == LINE + b"connection: close\r\n\r\n"


def test_status_lines_are_cached_with_date() -> None:
    lines = StatusLines()
    assert lines[404].startswith(b"HTTP/1.1 404 Not Found\r\ndate: ")
    assert lines[404] is lines[404]
    assert b" GMT\r\n" in lines[599]

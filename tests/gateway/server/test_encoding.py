"""Replies as octets of HTTP/1.1."""

from neurova.http.reply import Reply
from neurova_gateway.server.encoding import StatusLines, encode

LINE = b"HTTP/1.1 200 OK\r\ndate: x\r\n"


def test_a_reply_has_its_type_its_length_and_the_fields_of_the_way() -> None:
    octets = encode(LINE, Reply(200, {"a": 1}, {"X-B": "2"}), [(b"x-a", b"1")], False, False)
    assert octets == (
        LINE + b"content-type: application/json\r\nx-a: 1\r\nx-b: 2\r\ncontent-length: 7\r\n\r\n"
        b'{"a":1}'
    )


def test_head_has_the_length_and_no_body() -> None:
    octets = encode(LINE, Reply(200, b"1234"), [], True, False)
    assert octets.endswith(b"content-length: 4\r\n\r\n")


def test_204_has_neither_length_nor_type_nor_body() -> None:
    assert encode(LINE, Reply(204), [], False, True) == LINE + b"connection: close\r\n\r\n"


def test_the_date_moves_on_with_the_rounds() -> None:
    lines = StatusLines()
    assert lines[404].startswith(b"HTTP/1.1 404 Not Found\r\ndate: ")
    assert lines[404] is lines[404]
    assert b" GMT\r\n" in lines[599]

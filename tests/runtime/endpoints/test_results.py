"""A function's result becomes a response without internals."""

import dataclasses

import msgspec
import pytest
from starlette.responses import HTMLResponse, Response

from neurova.endpoints.results import make_reply
from neurova.http.reply import Reply


class Room(msgspec.Struct):
    name: str


@dataclasses.dataclass
class Stay:
    nights: int


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        (Room("a"), 201, b"application/json", b'{"name":"a"}'),
        (Stay(2), 201, b"application/json", b'{"nights":2}'),
        ({"a": [1]}, 201, b"application/json", b'{"a":[1]}'),
        ([], 201, b"application/json", b"[]"),
        (0, 201, b"application/json", b"0"),
        (True, 201, b"application/json", b"true"),
        (None, 204, b"", b""),
        ("text", 201, b"text/plain; charset=utf-8", b"text"),
        (b"\x00", 201, b"application/octet-stream", b"\x00"),
        (Reply(418, "tea"), 418, b"text/plain; charset=utf-8", b"tea"),
        (Reply(418, {"a": 1}), 418, b"application/json", b'{"a":1}'),
        (HTMLResponse("<p>", 202), 202, b"text/html; charset=utf-8", b"<p>"),
    ],
)
def test_result_becomes_the_reply(
    result: object, status: int, content_type: bytes, body: bytes
) -> None:
    reply = make_reply(result, 201)
    assert (reply.status, reply.content_type, reply.body) == (status, content_type, body)


def test_response_keeps_its_headers_without_framing() -> None:
    response = Response(b"x", headers={"X-A": "1"})
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    fields = make_reply(response, 200).fields
    assert [name for name, _ in fields] == [b"x-a", b"set-cookie", b"set-cookie"]


def test_header_injection_of_a_response_is_refused() -> None:
    response = Response(b"x")
    response.raw_headers.append((b"x-a", b"1\r\nx-b: 2"))
    with pytest.raises(ValueError, match="x-a"):
        make_reply(response, 200)

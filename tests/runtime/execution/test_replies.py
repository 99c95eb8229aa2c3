"""What a function returns or raises becomes a reply; internals stay inside."""

import dataclasses
import json
import logging
from typing import Any

import msgspec
import pytest
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse

from neurova.errors import Unavailable
from neurova.execution.replies import Streamed, answered, failed, late
from neurova.http.call import Call
from neurova.http.problem import Reject
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
        (HTMLResponse("<p>", 202), 202, b"text/html; charset=utf-8", b"<p>"),
    ],
)
def test_what_is_returned_is_the_reply(
    result: object, status: int, content_type: bytes, body: bytes
) -> None:
    reply = answered(result, 201)
    assert (reply.status, reply.content_type, reply.body) == (status, content_type, body)


def test_a_responses_own_fields_stay_and_its_framing_does_not() -> None:
    response = Response(b"x", headers={"X-A": "1"})
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    fields = answered(response, 200).fields
    assert [name for name, _ in fields] == [b"x-a", b"set-cookie", b"set-cookie"]


@pytest.mark.parametrize(
    "result",
    [
        object(),
        "\ud800",
        {"a": object()},
        {"a": "\ud800"},
        {"a": (n for n in ())},
    ],
)
def test_what_cannot_be_encoded_is_an_error(result: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        answered(result, 200)


@pytest.mark.parametrize(
    "result",
    [
        (n for n in ()),
        map(str, ()),
        StreamingResponse(iter(())),
        FileResponse(__file__),
        Response(b"", background=BackgroundTask(print)),
    ],
)
def test_what_comes_piece_by_piece_is_no_whole_reply(result: object) -> None:
    with pytest.raises(Streamed):
        answered(result, 200)


def test_a_response_cannot_smuggle_a_field_into_its_head() -> None:
    response = Response(b"x")
    response.raw_headers.append((b"x-a", b"1\r\nx-b: 2"))
    with pytest.raises(ValueError, match="x-a"):
        answered(response, 200)


def call(trace_id: int = 0) -> Call:
    made = Call("GET", b"/x", b"secret=q", [(b"x-api-key", b"nrv_live_secret")], "", b"secret")
    made.trace_id = trace_id
    return made


def test_a_reject_says_what_its_function_said() -> None:
    reply = failed(call(), "shop.f", Reject(409, "sold", headers={"x-a": "1"}))
    assert (reply.status, reply.fields) == (409, [(b"x-a", b"1")])
    assert json.loads(reply.body)["detail"] == "sold"


def test_a_reject_that_cannot_be_sent_is_500_and_logged(caplog: Any) -> None:
    fields: Any = {"retry-after": 5}
    for reject in (
        Reject(409, headers={"x-a": "a\nb"}),
        Reject(409, headers={"content-length": "3"}),
        Reject(409, headers={"location": "/caf\u20ac"}),
        Reject(429, headers=fields),
    ):
        caplog.clear()
        reply = failed(call(), "shop.f", reject)
        assert reply.status == 500
        (record,) = caplog.records
        assert record.neurova["error"] in reply.body.decode()


def test_anything_else_is_500_with_the_id_that_the_log_has(caplog: Any) -> None:
    with caplog.at_level(logging.ERROR, "neurova"):
        reply = failed(call(), "shop.f", ValueError("the password is 1234"))
    (record,) = caplog.records
    assert reply.status == 500
    assert b"1234" not in reply.body
    assert b"ValueError" not in reply.body
    assert record.neurova["error"] in reply.body.decode()
    assert record.neurova["function"] == "shop.f"
    assert record.exc_info is not None
    assert "secret" not in caplog.text


def test_the_id_is_the_trace_when_there_is_one(caplog: Any) -> None:
    reply = failed(call(trace_id=255), "shop.f", SystemExit(3))
    assert json.loads(reply.body)["trace_id"] == f"{255:032x}"
    assert f"{255:032x}" in caplog.text


def test_a_store_that_does_not_answer_is_503_with_retry_after(caplog: Any) -> None:
    reply = failed(call(), "shop.f", Unavailable("booking.db: locked"))
    assert reply.status == 503
    assert (b"retry-after", b"1") in reply.fields
    assert b"booking.db" not in reply.body
    assert "booking.db" in caplog.text


def test_a_late_reply_says_how_long_the_function_had() -> None:
    assert b"0.5 s" in late(call(), 0.5).body

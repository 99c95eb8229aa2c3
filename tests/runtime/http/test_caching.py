"""Responses state how long they are fresh; a caller with a fresh copy gets a 304."""

from typing import Any

import pytest

from neurova.http.caching import Caching, parse_duration
from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply


def call(*tags: bytes) -> Call:
    fields = [(b"if-none-match", each) for each in tags]
    return Call("GET", b"/x", b"", [(b"host", b"a"), *fields], "")


def fields(reply: Reply) -> dict[bytes, bytes]:
    return dict(reply.fields)


@pytest.mark.parametrize(
    ("text", "expected"), [("0s", 0), ("60s", 60), ("5m", 300), ("1h", 3600), ("366d", 31_622_400)]
)
def test_duration_is_a_number_and_a_unit(text: str, expected: int) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "60", "s", "-1s", "1.5h", "1 h", "367d", "60s, public"])
def test_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("public", "headers", "expected"),
    [
        (False, {}, b"private, max-age=3600"),
        (True, {}, b"public, max-age=3600"),
        (True, {"Set-Cookie": "session=1"}, b"private, max-age=3600"),
    ],
)
def test_only_public_replies_without_cookie_are_public(
    public: bool, headers: dict[str, str], expected: bytes
) -> None:
    reply = Reply(200, "a", headers)
    before = list(reply.fields)
    sent = fields(Caching("1h", public=public)(call(), reply))
    assert sent[b"cache-control"] == expected
    assert sent.get(b"vary") == (None if public else b"x-api-key, authorization")
    assert reply.fields == before  # unchanged: the function may return it again
    assert set(before) <= set(sent.items())


def test_reply_with_a_cookie_of_a_plugin_is_private() -> None:
    received = call()
    received.reply_fields.append((b"set-cookie", b"session=1"))
    sent = fields(Caching("60s", public=True)(received, Reply(200, "a")))
    assert sent[b"cache-control"] == b"private, max-age=60"


def test_etag_depends_on_type_and_body() -> None:
    caching = Caching("60s", public=True)
    replies = [Reply(200, "a"), Reply(200, "a"), Reply(200, "b"), Reply(200, b"a")]
    tags = [fields(caching(call(), reply))[b"etag"] for reply in replies]
    assert tags[0] == tags[1]
    assert len(set(tags)) == 3
    assert all(tag.startswith(b'W/"') for tag in tags)


@pytest.mark.parametrize(
    "sent", [(b"%b",), (b'"x", %b',), (b'"x"', b"%b"), (b"*",), (b"strong",)], ids=str
)
def test_matching_etag_gets_304_without_a_body(sent: tuple[bytes, ...]) -> None:
    caching = Caching("60s", public=False)
    reply = Reply(200, {"a": 1}, {"x-a": "1"})
    tag = fields(caching(call(), reply))[b"etag"]
    tags = [tag[2:] if each == b"strong" else each.replace(b"%b", tag) for each in sent]
    again = caching(call(*tags), reply)
    assert (again.status, again.body) == (304, b"")
    assert set(fields(again)) == {b"cache-control", b"vary", b"etag"}


@pytest.mark.parametrize("tag", [b'"x"', b"x", b'W/"', b"", b'"*"'])
def test_other_etag_gets_the_whole_reply(tag: bytes) -> None:
    assert Caching("60s", public=True)(call(tag), Reply(200, {"a": 1})).status == 200


def test_etag_of_the_function_stays() -> None:
    caching, reply = Caching("60s", public=True), Reply(200, "a", {"ETag": '"mine"'})
    assert fields(caching(call(), reply))[b"etag"] == b'"mine"'
    assert caching(call(b'W/"mine"'), reply).status == 304


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, "a"),
        Reply(500, "a"),
        Reply(304),
        Reply(200, "a", {"Cache-Control": "no-store"}),
        StreamReply(200, b"text/plain", []),
    ],
)
def test_failures_streams_and_own_cache_control_stay(reply: Any) -> None:
    assert Caching("60s", public=True)(call(b"*"), reply) is reply

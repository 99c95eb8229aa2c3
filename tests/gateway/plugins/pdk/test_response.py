"""kong.response responds to a call, or adds headers to its response."""

from __future__ import annotations

from typing import Any

import pytest

from neurova.http.reply import Reply
from neurova_gateway.plugins.pdk import Exit, PdkError, PhaseOver

JSON = b"application/json"
CIRCULAR: list[object] = []
CIRCULAR.append(CIRCULAR)


def exit_with(kong: Any, phase: Any, *arguments: Any) -> Reply:
    with pytest.raises(Exit):
        kong.response.exit(*arguments)
    assert phase.reply is not None
    return phase.reply  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("body", "sent", "content_type"),
    [
        ("text", b"text", b""),
        (b"\xff", b"\xff", b""),
        ("bad\udcff", b"bad\xff", b""),
        (None, b"", b""),
        ({"a": [1, None], "b": "é", "c": None}, '{"a":[1,null],"b":"é"}'.encode(), JSON),
        ({}, b"[]", JSON),
    ],
)
def test_exit_sends_text_as_is_and_tables_as_json(
    begin: Any, phase: Any, body: Any, sent: bytes, content_type: bytes
) -> None:
    kong, _ = begin()
    reply = exit_with(kong, phase, 403, body)
    assert (reply.status, reply.body, reply.content_type) == (403, sent, content_type)


def test_exit_headers_may_set_content_type(begin: Any, phase: Any) -> None:
    kong, _ = begin()
    headers = {"Content-Type": "a/b", "X-N": 7, "X-L": ["a", b"b"], "X-T": True}
    reply = exit_with(kong, phase, 403, {}, headers)
    assert reply.content_type == b"a/b"
    assert reply.fields == [(b"x-n", b"7"), (b"x-l", b"a"), (b"x-l", b"b"), (b"x-t", b"true")]


@pytest.mark.parametrize(
    "arguments",
    [
        (), (None,), ("200",), (True,), (200.0,), (100,), (199,), (600,), (-1,),
        (200, 5), (200, object()), (200, {"a": {1, 2}}), (200, {"a": 2**64}), (200, CIRCULAR),
        (200, {(1, 2): "a"}), (200, {"a": "\udcff"}), (200, "", "junk"), (200, "", ["junk"]),
        (200, "", {"": "a"}), (200, "", {"a b": "c"}), (200, "", {"é": "c"}), (200, "", {1: "c"}),
        (200, "", {"a": None}), (200, "", {"a": {}}), (200, "", {"a": "b\r\nc: d"}),
        (200, "", {"a": b"b\0"}), (200, "", {"a": ["b\n"]}), (200, "", {"content-length": "5"}),
        (200, "", {"Transfer-Encoding": "chunked"}), (200, "", {}, "more"),
    ],
)  # fmt: skip
def test_bad_exit_is_a_fault_without_reply(
    begin: Any, phase: Any, arguments: tuple[Any, ...]
) -> None:
    kong, _ = begin()
    with pytest.raises((PdkError, TypeError)):
        kong.response.exit(*arguments)
    assert phase.reply is None


def test_exit_headers_replace_those_set_before(begin: Any, phase: Any) -> None:
    kong, call = begin()
    kong.response.set_headers({"Content-Type": "text/plain", "X-A": "1", "X-B": "2"})
    exit_with(kong, phase, 403, {"title": "no"}, {"X-A": "3"})
    assert call.reply_fields == [(b"x-b", b"2")]
    kong, call = begin()
    kong.response.set_header("Content-Type", "text/plain")
    exit_with(kong, phase, 403, "no")  # a text body sets no content type
    assert call.reply_fields == [(b"content-type", b"text/plain")]


def test_pdk_calls_after_exit_do_nothing(begin: Any, phase: Any) -> None:
    kong, call = begin()
    reply = exit_with(kong, phase, 403, "no")
    for late in (
        lambda: kong.response.exit(200),
        lambda: kong.ctx.shared.set("nv", {"a": "b"}),
        lambda: kong.request.get_headers(),
        lambda: kong.response.set_headers({"a": "b"}),
    ):
        with pytest.raises(PhaseOver):
            late()
    assert phase.reply is reply
    assert (call.shared, call.reply_fields) == ({}, [])


def test_set_headers_replace_others_of_their_name(begin: Any) -> None:
    kong, call = begin()
    call.reply_fields += [(b"vary", b"origin"), (b"x-a", b"0")]
    kong.response.set_headers({"X-A": "1", "X-B": ["2", "3"]})
    kong.response.set_header("x-B", 4)
    assert call.reply_fields == [(b"vary", b"origin"), (b"x-a", b"1"), (b"x-b", b"4")]
    with pytest.raises(PdkError):
        kong.response.set_headers({"x-a": "1", "b": "2\r\n"})
    assert call.reply_fields == [(b"vary", b"origin"), (b"x-a", b"1"), (b"x-b", b"4")]


def test_added_header_keeps_others_cleared_is_removed(begin: Any) -> None:
    kong, call = begin()
    kong.response.set_headers([])
    kong.response.add_header("a", "1")
    kong.response.add_header("A", "2")
    kong.response.add_header("b", "3")
    assert kong.response.get_header("a") == "1"
    assert kong.response.get_headers() == {"a": ["1", "2"], "b": ["3"]}
    kong.response.clear_header("A")
    assert call.reply_fields == [(b"b", b"3")]
    assert kong.response.get_status() == 200


def test_log_phase_only_reads_the_reply(begin: Any, phase: Any) -> None:
    kong, call = begin()
    call.reply_fields.append((b"x-a", b"1"))
    phase.reply, phase.logging = Reply(404, {}, {"X-B": "2"}), True
    assert kong.response.get_status() == 404
    assert kong.response.get_header("X_B") == "2"
    assert kong.response.get_headers() == {
        "content-type": ["application/json"],
        "x-b": ["2"],
        "x-a": ["1"],
    }
    for late in (
        lambda: kong.response.exit(200),
        lambda: kong.response.set_headers({"a": "b"}),
        lambda: kong.response.add_header("a", "b"),
        lambda: kong.response.clear_header("x-a"),
        lambda: kong.service.request.set_header("a", "b"),
        lambda: kong.client.authenticate({}, {}),
    ):
        with pytest.raises(PdkError, match="was sent"):
            late()
    assert call.reply_fields == [(b"x-a", b"1")]

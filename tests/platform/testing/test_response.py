"""A test reads a response like a client."""

import pytest

from neurova import ServerSentEvent
from neurova_platform.testing.response import ReceivedEvent, Response, parse_events


@pytest.mark.parametrize(
    "sent",
    [
        ServerSentEvent("a\nb"),
        ServerSentEvent({"a": 1}, event="began", id="7"),
        ServerSentEvent(""),
        ServerSentEvent(None, retry=5),
    ],
)
def test_events_are_parsed_as_they_were_sent(sent: ServerSentEvent) -> None:
    (event,) = parse_events(sent.encode().decode())
    assert (event.event, event.id) == (sent.event or "message", sent.id)
    assert sent.data in (event.data, None) or event.json() == sent.data


def test_comments_and_line_ends_of_any_kind_are_parsed() -> None:
    text = ":\n\ndata: a\r\n\r\n:hold\n\ndata:b\rid: 1\r\rdata: c\n\nevent: none\n\n"
    assert parse_events(text) == [
        ReceivedEvent("a"),
        ReceivedEvent("b", id="1"),
        ReceivedEvent("c"),
    ]


def test_response_is_decoded_by_its_media_type() -> None:
    assert Response(200, {}, b'{"a":1}').json() == {"a": 1}
    assert Response(200, {}, b"a").text == "a"
    assert Response(200, {}, b'{"a":1}\n2\n').lines() == [{"a": 1}, 2]
    assert Response(200, {}, b"data: 1\n\n").events() == [ReceivedEvent("1")]

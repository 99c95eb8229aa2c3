"""What a test reads of an answer is what a client would."""

import pytest

from neurova import ServerSentEvent
from neurova.testing import Answer, Heard, heard


@pytest.mark.parametrize(
    "sent",
    [
        ServerSentEvent("a\nb"),
        ServerSentEvent({"a": 1}, event="began", id="7"),
        ServerSentEvent(""),
        ServerSentEvent(None, retry=5),
    ],
)
def test_events_are_read_as_they_were_sent(sent: ServerSentEvent) -> None:
    (event,) = heard(sent.encoded().decode())
    assert (event.event, event.id) == (sent.event or "message", sent.id)
    assert sent.data in (event.data, None) or event.json() == sent.data


def test_comments_and_ends_of_any_kind_are_read() -> None:
    text = ":\n\ndata: a\r\n\r\n:hold\n\ndata:b\rid: 1\r\rdata: c\n\nevent: none\n\n"
    assert heard(text) == [Heard("a"), Heard("b", id="1"), Heard("c")]


def test_an_answer_is_read_in_the_form_it_has() -> None:
    assert Answer(200, {}, b'{"a":1}').json() == {"a": 1}
    assert Answer(200, {}, b"a").text == "a"
    assert Answer(200, {}, b'{"a":1}\n2\n').lines() == [{"a": 1}, 2]
    assert Answer(200, {}, b"data: 1\n\n").events() == [Heard("1")]

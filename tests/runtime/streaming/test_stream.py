"""Events and streams are validated before any byte is sent."""

import pytest

from neurova import ServerSentEvent, Stream
from neurova.streaming.stream import as_stream


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ServerSentEvent({"a": "b\nc"}), b'data: {"a":"b\\nc"}\n\n'),
        (ServerSentEvent("a\nb\r\nc\rd\u2028e"), "data: a\ndata: b\ndata: c\ndata: d\u2028e\n\n"),
        (ServerSentEvent(""), b"data: \n\n"),
        (ServerSentEvent(None), b"data: null\n\n"),
        (ServerSentEvent(1, event="e", id="7", retry=0), b"event: e\nid: 7\nretry: 0\ndata: 1\n\n"),
        (ServerSentEvent(id="7"), b"id: 7\n\n"),
        (ServerSentEvent(), b":\n\n"),
    ],
)
def test_event_is_encoded_by_the_standard(event: ServerSentEvent, text: bytes | str) -> None:
    assert event.encode() == (text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize("value", ["a\nb", "a\rdata: x", "a\0"])
@pytest.mark.parametrize("name", ["event", "id"])
def test_line_end_in_name_or_id_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        ServerSentEvent(1, **{name: value})


def test_stream_with_invalid_headers_is_refused() -> None:
    with pytest.raises(ValueError, match="x-a"):
        Stream(iter(()), headers={"x-a": "1\r\n"})
    with pytest.raises(ValueError, match="status"):
        Stream(iter(()), status=100)
    with pytest.raises(ValueError, match="content-type"):
        Stream(iter(()), "text/csv\r\nx-b: 1")


def test_only_iterators_are_streams() -> None:
    assert as_stream(iter(())) is not None
    for whole in ([], {}, range(3), object(), "text"):
        assert as_stream(whole) is None

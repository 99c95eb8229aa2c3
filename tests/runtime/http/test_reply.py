"""A response with a body has a content type, and all its headers are valid."""

import pytest

from neurova.http.reply import Reply


def test_own_content_type_wins_and_names_may_repeat() -> None:
    reply = Reply(200, "a,b", [("Content-Type", "text/csv"), ("X-A", "1"), ("X-A", "2")])
    assert reply.content_type == b"text/csv"
    assert reply.fields == [(b"x-a", b"1"), (b"x-a", b"2")]


@pytest.mark.parametrize("status", [0, 100, 199, 600])
def test_status_that_is_not_final_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match="use 200 to 599"):
        Reply(status)


@pytest.mark.parametrize(
    "headers",
    [
        *({"x-a": "1\r\nx-b: 2"}, {"x-a": "1\x00"}, {"x a": "1"}, {"": "1"}, {"x:a": "1"}),
        *({"content-length": "3"}, {"Transfer-Encoding": "chunked"}, {"connection": "close"}),
    ],
)
def test_invalid_fields_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="Reply header"):
        Reply(200, None, headers)

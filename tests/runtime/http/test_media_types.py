"""Content-Type and Accept are parsed as RFC 9110 says."""

import pytest

from neurova.http.call import Call
from neurova.http.media_types import has_content_coding, is_json, quality, wants_json


@pytest.mark.parametrize(
    ("accept", "accepted"),
    [
        *((b"", True), (b",,", True), (b"*/*", True), (b"application/*", True)),
        *((b"application/json", True), (b"Application/JSON", True)),
        (b"application/json;q=junk", True),
        (b"text/html, application/json;q=0.1", True),
        (b"text/html;level=1, */*;q=0.1", True),
        *((b"text/html", False), (b"application/xml, text/*", False), (b"*/*;q=0", False)),
        *((b"application/json;q=0, */*", False), (b"application/json;q=0.0", False)),
        (b"application/*;q=0, */*", False),
    ],
)
def test_most_specific_range_decides(accept: bytes, accepted: bool) -> None:
    assert (quality(accept, b"application/json") > 0) is accepted


def call(*fields: tuple[bytes, bytes]) -> Call:
    return Call("GET", b"/", b"", list(fields), "")


def test_several_accept_lines_are_one_list() -> None:
    assert wants_json(call())
    assert wants_json(call((b"accept", b"text/html"), (b"accept", b"application/json")))
    assert not wants_json(call((b"accept", b"text/html"), (b"accept", b"text/plain")))


@pytest.mark.parametrize(
    ("content_type", "json"),
    [
        *((b"application/json", True), (b"application/problem+json", True)),
        (b"application/json; charset=utf-8", True),
        (b'application/json;charset="UTF-8"', True),
        (b"application/json; charset=latin-1", False),
        *(
            (b"application/jsonp", False),
            (b"text/json-not", False),
            (b"+json", False),
            (b"", False),
        ),
    ],
)
def test_json_media_types_are_recognized(content_type: bytes, json: bool) -> None:
    assert is_json(content_type) is json


def test_content_coding_is_detected() -> None:
    assert has_content_coding(call((b"content-encoding", b"br")))
    assert not has_content_coding(call((b"content-encoding", b"identity")))
    assert not has_content_coding(call())

"""A path has one accepted spelling; all others are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurova_gateway.pipeline.path import BadPath, canonicalize


@pytest.mark.parametrize(
    ("raw", "spelling"),
    [
        (b"/", "/"),
        (b"/bookings", "/bookings"),
        (b"/bookings/", "/bookings/"),
        (b"/%62ookings", "/bookings"),
        (b"/a%20b", "/a b"),
        (b"/caf%C3%A9", "/café"),
        (b"/%7Euser/a-b_c.d", "/~user/a-b_c.d"),
        (b"/...", "/..."),
        (b"/.well-known/x", "/.well-known/x"),
        (b"/a%252f", "/a%2f"),
    ],
)
def test_path_is_decoded_once(raw: bytes, spelling: str) -> None:
    assert canonicalize(raw) == spelling


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"*", b"a", b"http://h/a", b"//", b"/a//b", b"/a/.", b"/./a", b"/a/..", b"/../a",
        b"/%2e%2e/a", b"/a/%2E", b"/.%2e/a", b"/a%2fb", b"/a%2Fb", b"/a%5cb", b"/a%5Cb", b"/a\\b",
        b"/a;b", b"/a;x=1", b"/a%00", b"/a%0a", b"/a%7f", b"/%", b"/%4", b"/%zz", b"/a%c3",
        b"/%ed%a0%80", b"/%c0%af", b"/\xc3\xa9", b"/a b", b"/a#b", b"/a\x00", b"/a|b", b"/a{b}",
        b'/a"b', b"/a<b>", b"/a^b", b"/a`b", b"/a\n", b"/a?b",
    ],
)  # fmt: skip
def test_ambiguous_path_is_refused(raw: bytes) -> None:
    with pytest.raises(BadPath):
        canonicalize(raw)


@given(st.binary(max_size=40))
def test_every_accepted_path_is_canonical(data: bytes) -> None:
    try:
        path = canonicalize(b"/" + data)
    except BadPath:
        return
    segments = path.split("/")[1:]
    assert not {".", ".."} & set(segments)
    assert "" not in segments[:-1]
    assert not set(path) & set("\\\x00\n\r")

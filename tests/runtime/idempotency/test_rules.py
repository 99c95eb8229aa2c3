"""What an Idempotency-Key is, what it stands for, and which answers are kept under it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurova.http.call import Call, Field
from neurova.http.caller import Caller
from neurova.http.problem import problem
from neurova.http.reply import Reply
from neurova.idempotency.rules import (
    FIELD,
    MAX_LENGTH,
    PATTERN,
    REPLAYED,
    InvalidKey,
    digest_of_request,
    in_progress_reply,
    key_of,
    record_of,
    replay,
    scoped_key,
)

ADA = Caller("ada", "k1", frozenset(), "live")


def call(
    value: bytes = b"k", *more: Field, body: bytes = b"", query: bytes = b"", **params: str
) -> Call:
    made = Call("POST", b"/x", query, [(FIELD, value), *more], "", body)
    made.caller = ADA
    made.params = params
    return made


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'"8e03978e-40d5-43dd-bc93-6894a57f9324"', b"8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b"8e03978e-40d5-43dd-bc93-6894a57f9324", b"8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b"  k\t", b"k"),
        (b'"a b, c; d"', b"a b, c; d"),
        (b'"a\\"b\\\\c"', b'a"b\\c'),
        (b"a+b/c=~:@", b"a+b/c=~:@"),
        (b"x" * MAX_LENGTH, b"x" * MAX_LENGTH),
        (b'"' + b"x" * MAX_LENGTH + b'"', b"x" * MAX_LENGTH),
    ],
)
def test_a_key_is_plain_or_a_quoted_string(value: bytes, key: bytes) -> None:
    assert key_of(call(value)) == key


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b'""',
        b"a b",
        b"a,b",
        b"a;b=1",
        b'"a";b=1',
        b'"a", "b"',
        b'"a',
        b'a"',
        b'"a\\b"',
        b'"a"b"',
        b"a\\b",
        b'"\x00"',
        b"\x7f",
        "é".encode(),
        '"é"'.encode("latin-1"),
        b"a\nb",
        b"a\n",
        b"x" * (MAX_LENGTH + 1),
        b'"' + b"x" * (MAX_LENGTH + 1) + b'"',
    ],
)
def test_what_is_no_key_is_refused_with_the_form(value: bytes) -> None:
    with pytest.raises(InvalidKey, match="1 to 255 visible ASCII"):
        key_of(call(value))


def test_two_fields_are_refused_though_they_be_equal() -> None:
    with pytest.raises(InvalidKey, match="repeated, send one"):
        key_of(call(b"k", (FIELD, b"k")))
    assert key_of(call(b"k", (b"accept", b"a"), (b"accept", b"b"))) == b"k"


@given(st.text(st.characters(max_codepoint=126), max_size=MAX_LENGTH + 2))
def test_the_pattern_that_is_published_is_the_one_that_is_used(text: str) -> None:
    value = text.encode()
    if value != value.strip(b" \t"):
        return
    published = re.search(PATTERN, text) is not None and not text.endswith("\n")
    try:
        key_of(call(value))
    except InvalidKey:
        assert not published
    else:
        assert published


def test_a_key_means_another_for_another_consumer_environment_route_or_key() -> None:
    made = call(b"k")
    same = scoped_key(call(b'"k"'), "POST /x")
    assert scoped_key(made, "POST /x") == same
    assert len(same) == 32
    assert scoped_key(made, "POST /y") != same
    assert scoped_key(call(b"l"), "POST /x") != same
    made.caller = Caller("ada", "k2", frozenset(["a"]), "live")
    assert scoped_key(made, "POST /x") == same  # a key that was rotated is the same consumer's
    for caller in (Caller("bob", "k1"), Caller("ada", "k1", frozenset(), "test")):
        made.caller = caller
        assert scoped_key(made, "POST /x") != same


def test_parts_do_not_run_into_each_other() -> None:
    one, other = call(b"c"), call(b"c")
    one.caller, other.caller = Caller("ab"), Caller("a")
    assert scoped_key(one, "POST /x") != scoped_key(other, "bPOST /x")
    assert digest_of_request(call(query=b"ab")) != digest_of_request(call(query=b"a", body=b"b"))


@pytest.mark.parametrize("caller", [None, Caller()])
def test_nobody_has_no_key(caller: Caller | None) -> None:
    made = call()
    made.caller = caller
    with pytest.raises(InvalidKey, match="does not accept an Idempotency-Key"):
        scoped_key(made, "POST /x")


def test_a_fingerprint_is_that_of_body_query_and_path() -> None:
    same = digest_of_request(call(body=b"b", query=b"q=1", room="7"))
    assert digest_of_request(call(b"other", body=b"b", query=b"q=1", room="7")) == same
    assert digest_of_request(call(body=b"c", query=b"q=1", room="7")) != same
    assert digest_of_request(call(body=b"b", query=b"q=2", room="7")) != same
    assert digest_of_request(call(body=b"b", query=b"q=1", room="8")) != same


@pytest.mark.parametrize(("status", "is_kept"), [
    (200, True), (201, True), (204, True), (303, True), (400, True), (409, True), (422, True),
    (429, False), (500, False), (503, False), (504, False),
])  # fmt: skip
def test_neither_5xx_nor_429_is_kept(status: int, is_kept: bool) -> None:
    assert (record_of(Reply(status), b"") is not None) is is_kept


def test_an_answer_is_given_again_to_the_octet_and_says_so() -> None:
    made = call(body=b"b")
    reply = Reply(201, b"\x00\xff", {"Location": "/x/1", "Content-Type": "image/x", "X-A": "é"})
    stored = record_of(reply, digest_of_request(made))
    assert stored is not None
    found = replay(made, stored, digest_of_request(made))
    assert (found.status, found.body, found.content_type) == (201, b"\x00\xff", b"image/x")
    assert found.fields == [*reply.fields, REPLAYED]


def test_another_request_under_a_key_is_422_and_is_not_told_the_answer() -> None:
    made = call(body=b"b")
    stored = record_of(Reply(201, b"secret"), digest_of_request(made))
    assert stored is not None
    found = replay(made, stored, digest_of_request(call(body=b"c")))
    assert found.status == 422
    assert b"secret" not in found.body
    assert REPLAYED not in found.fields


def test_a_key_that_another_still_has_is_409_and_says_when_to_come_again() -> None:
    found = in_progress_reply(call())
    assert found.status == 409
    assert (b"retry-after", b"1") in found.fields
    assert found.content_type == problem(None, 400).content_type

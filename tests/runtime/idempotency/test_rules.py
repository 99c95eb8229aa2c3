"""Syntax and scope of Idempotency-Keys, and which responses are stored."""

from __future__ import annotations

import pytest

from neurova.http.call import Call, Field
from neurova.http.caller import Caller
from neurova.http.reply import Reply
from neurova.idempotency.rules import (
    FIELD,
    MAX_LENGTH,
    InvalidKey,
    digest_request,
    make_record,
    parse_key,
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
def test_key_is_plain_or_quoted(value: bytes, key: bytes) -> None:
    assert parse_key(call(value)) == key


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b'""', b"a b", b"a,b", b"a;b=1", b'"a";b=1', b'"a", "b"', b'"a', b'a"'),
        *(b'"a\\b"', b'"a"b"', b"a\\b", b'"\x00"', b"\x7f", "é".encode()),
        *('"é"'.encode("latin-1"), b"a\nb", b"a\n", b"x" * (MAX_LENGTH + 1)),
        b'"' + b"x" * (MAX_LENGTH + 1) + b'"',
    ],
)
def test_invalid_key_is_refused_with_its_syntax(value: bytes) -> None:
    with pytest.raises(InvalidKey, match="1 to 255 visible ASCII"):
        parse_key(call(value))


def test_repeated_header_is_refused() -> None:
    with pytest.raises(InvalidKey, match="repeated, send one"):
        parse_key(call(b"k", (FIELD, b"k")))
    assert parse_key(call(b"k", (b"accept", b"a"), (b"accept", b"b"))) == b"k"


def test_key_is_scoped_by_consumer_environment_and_route() -> None:
    made = call(b"k")
    same = scoped_key(call(b'"k"'), "POST /x")
    assert scoped_key(made, "POST /x") == same
    assert len(same) == 32
    assert scoped_key(made, "POST /y") != same
    assert scoped_key(call(b"l"), "POST /x") != same
    made.caller = Caller("ada", "k2", frozenset(["a"]), "live")
    assert scoped_key(made, "POST /x") == same  # another API key of the same consumer
    for caller in (Caller("bob", "k1"), Caller("ada", "k1", frozenset(), "test")):
        made.caller = caller
        assert scoped_key(made, "POST /x") != same


def test_digest_separates_its_parts() -> None:
    one, other = call(b"c"), call(b"c")
    one.caller, other.caller = Caller("ab"), Caller("a")
    assert scoped_key(one, "POST /x") != scoped_key(other, "bPOST /x")
    assert digest_request(call(query=b"ab")) != digest_request(call(query=b"a", body=b"b"))


@pytest.mark.parametrize(("status", "stored"), [
    (200, True), (201, True), (204, True), (303, True), (400, True), (409, True), (422, True),
    (429, False), (500, False), (503, False), (504, False),
])  # fmt: skip
def test_temporary_failures_are_not_stored(status: int, stored: bool) -> None:
    assert (make_record(Reply(status), b"") is not None) is stored

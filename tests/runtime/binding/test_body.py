"""A response lists all faults of a body, in bounded time and without the caller's values."""

import tracemalloc
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest

from neurova.binding.body import Body
from neurova.binding.validation import MAX_FAULTS, parse_message


class Kind(Enum):
    A = "a"


class Cat(msgspec.Struct, tag=True):
    lives: int
    friend: "Cat | Dog | None" = None


class Dog(msgspec.Struct, tag=True):
    name: str
    friend: "Cat | Dog | None" = None


class Everything(msgspec.Struct, forbid_unknown_fields=True):
    day: date
    moment: datetime
    id: UUID
    price: Decimal
    kind: Kind
    few: Annotated[int, msgspec.Meta(ge=1, le=3)]
    short: Annotated[str, msgspec.Meta(max_length=2, pattern="^a")]
    maybe: int | None = None
    rows: list[int] = []
    names: dict[str, int] = {}
    pet: Cat | Dog | None = None


def faults(kind: Any, value: object) -> dict[str, str]:
    status, found = Body(kind).faults(msgspec.json.encode(value))
    assert status == 422
    return {fault.pointer: fault.message for fault in found}


REQUIRED = {"/day", "/moment", "/id", "/price", "/kind", "/few", "/short"}


def test_every_kind_of_fault_is_named_at_its_place() -> None:
    value = {
        **{"day": "2026-13-01", "moment": "noon", "id": "x", "price": "dear", "kind": "b"},
        **{"few": 4, "short": "bbb", "maybe": "x", "rows": [1, "2", None], "more": 1},
        **{"names": {"a/b": "x", "c~d": "y"}, "pet": {"type": "Cat", "lives": "nine"}},
    }
    others = {"/maybe", "/rows/1", "/rows/2", "/names/a~1b", "/names/c~0d", "/pet/lives", "/more"}
    assert set(faults(Everything, value)) == REQUIRED | others
    assert set(faults(Everything, {})) == REQUIRED


def test_tagged_union_has_the_faults_of_its_tag() -> None:
    assert set(faults(Cat | Dog, {"type": "Dog", "name": 1})) == {"/name"}
    assert set(faults(Cat | Dog, {"type": "Cow"})) == {"/type"}
    assert set(faults(Cat | Dog, {"lives": 1})) == {"/type"}
    inner = {"type": "Dog", "name": "a", "friend": {"type": "Cat", "lives": "x"}}
    found = faults(Cat, {"type": "Cat", "lives": 1, "friend": inner})
    assert "/friend/friend/lives" in found


def test_faults_are_cut_and_do_not_show_the_callers_values() -> None:
    secret = "nrv_live_secret" * 400
    found = faults(Everything, {"kind": secret, "short": secret, "day": secret, "x" * 5_000: 1})
    assert "nrv_live_secret" not in str(found)
    assert max(map(len, [*found, *found.values()])) <= 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (list[Cat], b"[" + b"1," * 400_000 + b"1]"),
        (list[Cat], b"[" + b"{}," * 300_000 + b"1]"),
        (Everything, b'{"rows": [' + b'"",' * 300_000 + b'""]}'),
        (Everything, b"{" + b",".join(b'"x%d":1' % n for n in range(80_000)) + b"}"),
        (Everything, b'{"names": {' + b",".join(b'"x%d":""' % n for n in range(80_000)) + b"}}"),
    ],
)
def test_body_full_of_faults_costs_little_memory(kind: Any, body: bytes) -> None:
    checked = Body(kind)
    checked.faults(b"1")
    value_only = _peak(lambda: msgspec.json.decode(body))
    found: list[Any] = []
    peak = _peak(lambda: found.extend(checked.faults(body)[1]))
    assert 1 <= len(found) <= MAX_FAULTS
    assert peak < value_only + 8_000_000


def _peak(work: Any) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("depth", [10, 30, 60, 100, 300, 900])
def test_nested_unions_are_validated_in_bounded_time(depth: int) -> None:
    body = b'{"type":"Cat","lives":1,"friend":' * depth + b"{}" + b"}" * depth
    status, found = Body(Cat | Dog).faults(body)
    assert status in (400, 422)
    assert 1 <= len(found) <= MAX_FAULTS


class Words(msgspec.Struct):
    text: str
    few: Annotated[int, msgspec.Meta(le=3)] = 0
    names: dict[str, list[str]] = {}


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (rb'{"text": "", "few": 1e999}', ["/few"]),
        (rb'{"text": "a\u0000b"}', ["/text"]),
        (rb'{"text": "\\\u0000"}', ["/text"]),
        (rb'{"text": "", "names": {"a\u0000": ["", "\u0000"]}}', ["/names", "/names/a\0/1"]),
        (rb'{"text": "\u0000", "few": 4}', ["/few", "/text"]),
        (rb'{"text": "", "unknown": "\u0000"}', ["/unknown"]),
        (rb'{"text": "", "unknown": [' + b"0," * 5_000 + rb'"\u0000"]}', [""]),
    ],
)
def test_nul_characters_are_named_with_all_other_faults(raw: bytes, named: list[str]) -> None:
    body = Body(Words)
    with pytest.raises((ValueError, msgspec.ValidationError)):
        body.decode_text(raw)
    status, found = body.faults(raw)
    assert (status, [fault.pointer for fault in found]) == (422, named)


def test_escaped_backslash_before_u0000_is_no_nul() -> None:
    raw = rb'{"text": "\\u0000 \\\\u0000 u0000"}'
    assert Body(Words).decode_text(raw) == Words(r"\u0000 \\u0000 u0000")
    assert Body(Words).faults(raw) == (422, [])


class Payment(msgspec.Struct):
    name: str
    times: int
    amounts: list[Decimal]


@pytest.mark.parametrize(
    "amounts",
    [
        b'"NaN"',
        b'1e400, "NaN"',  # 1e400 exceeds Python's floats
        b"1," * 5_000 + b'"NaN"',  # more values than the schema validator checks
    ],
)
def test_decimal_that_is_not_finite_is_refused_everywhere(amounts: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="finite"):
        Body(Payment, True).decode(b'{"name": "nan", "times": 1, "amounts": [%b]}' % amounts)


def test_fraction_for_an_integer_is_a_fault_at_its_place() -> None:
    raw = b'{"name": "", "times": 2.0, "amounts": [12345678901234567.89, "x"]}'
    status, found = Body(Payment).faults(raw)
    assert (status, [fault.pointer for fault in found]) == (422, ["/times", "/amounts/1"])
    exact = Body(Payment).decode(raw.replace(b"2.0", b"2").replace(b', "x"', b""))
    assert exact.amounts == [Decimal("12345678901234567.89")]


def test_invalid_key_is_named_at_its_mapping() -> None:
    assert list(faults(dict[str, dict[int, int]], {"a": {"x": 1}})) == [""]
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"a": {"x": 1}}', type=Numbered)
    assert parse_message(str(caught.value))[0] == ["a"]
    assert list(faults(Numbered, {"a": {"x": 1}})) == ["/a"]


class Numbered(msgspec.Struct):
    a: dict[int, int]

"""Editing the values of encoded events."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import assume, given
from tests.runtime.events.test_codec import EVENTS, Channel, Guest, Made

from neurova.events.codec import InvalidEvent, UndecodableEvent, codec_of, decode_values, with_head
from neurova.events.values import replace_values

CODEC = codec_of(Made)
MADE = Made(
    "text", 1, 1.5, True, b"data", date(2026, 2, 3), time(4, 5), datetime(2026, 2, 3, tzinfo=UTC),
    Decimal("9.90"), UUID(int=1), Channel.WEB, "x", Guest("Ann"), [Guest("Bob", 30)], {"a": 1},
)  # fmt: skip
BODY = with_head(0, CODEC.encode(MADE).body)


def find(_: int) -> str:
    return CODEC.schema


def shown(body: bytes) -> Any:
    """Return an event's values as the JSON that a person edits."""
    return msgspec.json.decode(msgspec.json.encode(decode_values(body, find)))


@given(EVENTS, EVENTS)
def test_shown_values_of_any_event_can_be_given_back(before: Made, after: Made) -> None:
    body = with_head(0, CODEC.encode(after).body)
    assume(isfinite(after.ratio))  # JSON has no infinity or NaN
    assert replace_values(with_head(0, CODEC.encode(before).body), shown(body), find) == body


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"guest": {"name": 1, "age": 2}}, "$.guest.name"),
        ({"guests": [{"name": "a", "age": 1}, {"name": "b"}]}, "$.guests[1]"),
        ({"rooms": {"a": "x"}}, "$.rooms[...]"),
        ({"day": "2026-02-30"}, "$.day"),
        ({"at": "2026-02-03T04:05:06"}, "$.at"),
        ({"money": "a lot"}, "$.money"),
        ({"money": "1.0000000001"}, "Scale"),
        ({"id": "x"}, "$.id"),
        ({"channel": "post"}, "$.channel"),
        ({"data": "?"}, "$.data"),
        ({"note": 3}, "$.note"),
        ({"number": 2**63}, "$.number"),
        ({"other": 1}, "other"),
    ],
)
def test_fault_is_named_with_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidEvent) as error:
        replace_values(BODY, shown(BODY) | change, find)
    assert place in str(error.value)


@pytest.mark.parametrize("values", [None, [], "text", {}])
def test_values_must_be_an_object_with_all_fields(values: object) -> None:
    with pytest.raises(InvalidEvent):
        replace_values(BODY, values, find)


def test_too_large_values_are_refused() -> None:
    with pytest.raises(InvalidEvent, match="262144"):
        replace_values(BODY, shown(BODY) | {"text": "x" * 300_000}, find)


def test_bytes_that_are_no_event_cannot_be_edited() -> None:
    with pytest.raises(UndecodableEvent):
        replace_values(b"bytes", {}, find)

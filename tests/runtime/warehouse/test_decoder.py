"""The generated decoder returns the same values as fastavro."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest

from neurova import Event
from neurova.events.codec import UndecodableEvent, codec_of, decode_values, with_head
from neurova.warehouse.decoder import decoder_of


class Colour(Enum):
    """An Avro enum."""

    RED = "red"
    BLUE = "blue"


class Plain(Event, source="shop"):
    """One field for each type that the generated function reads."""

    text: str
    number: int
    ratio: float
    flag: bool
    day: date
    colour: Colour
    kind: Literal["a", "b"]
    id: UUID
    maybe: int | None = None
    other: str | None = None


def plain(**other: Any) -> Plain:
    values: dict[str, Any] = {
        "text": "ä" * 100,
        "number": 1,
        "ratio": 0.1,
        "flag": True,
        "day": date(1969, 12, 31),
        "colour": Colour.BLUE,
        "kind": "b",
        "id": UUID(int=7),
    }
    return Plain(**values | other)


CODEC = codec_of(Plain)
CASES = [
    plain(),
    plain(maybe=-1, other=""),
    plain(day=date(9999, 12, 31), text="", flag=False),
    *(plain(number=sign * (1 << bits) - 1) for bits in (0, 6, 7, 13, 14, 31, 63) for sign in (1, -1)
      if abs(sign * (1 << bits) - 1) < 1 << 63),
]  # fmt: skip


@pytest.mark.parametrize("event", CASES)
def test_values_equal_those_of_fastavro(event: Plain) -> None:
    body = with_head(1, CODEC.encode(event).body)
    expected = decode_values(body, lambda _: CODEC.schema)
    expected["day"] = expected["day"].isoformat()
    expected["id"] = str(expected["id"])
    assert decoder_of(CODEC.schema)(body) == expected


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:5]])
def test_body_of_another_length_is_undecodable(change: Any) -> None:
    with pytest.raises(UndecodableEvent):
        decoder_of(CODEC.schema)(change(with_head(1, CODEC.encode(plain()).body)))

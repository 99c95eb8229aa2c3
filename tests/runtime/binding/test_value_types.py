"""Types are classified: one value, many values, or a body."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, Literal, NewType, TypedDict, TypeVar

import msgspec
import pytest

from neurova.binding.value_types import form_of, strip_none

T = TypeVar("T")


class Room(msgspec.Struct):
    name: str


class Box(msgspec.Struct, Generic[T]):
    inside: T


@dataclass
class Stay:
    nights: int


class Row(TypedDict):
    id: int


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        (int, "one"),
        (date | None, "one"),
        (Literal["a"], "one"),
        (Annotated[int, msgspec.Meta(ge=1)], "one"),
        (NewType("Name", str), "one"),
        (list[int], "many"),
        (list[Annotated[str, msgspec.Meta(max_length=3)]], "many"),
        (Room, "body"),
        (Room | None, "body"),
        (Stay, "body"),
        (Row, "body"),
        (Box[int], "body"),
        (dict, "body"),
        (dict[str, int], "body"),
        (list[Room], "body"),
        (Room | int, None),
        (list, None),
        (object, None),
        (bytes, None),
        (set[int], None),
        (Any, None),
        (3, None),
    ],
)
def test_types_are_classified(kind: Any, form: str | None) -> None:
    assert form_of(kind) == form


def test_none_is_removed_from_a_union() -> None:
    assert strip_none(int | None) == (int, True)
    assert strip_none(int | str) == (int | str, False)
    assert strip_none(int) == (int, False)

"""A parameter's type is one value, many values, or a body."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, Literal, NewType, TypedDict, TypeVar

import msgspec

from neurova.binding.value_types import form_of

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


def test_types_are_classified() -> None:
    names = list[Annotated[str, msgspec.Meta(max_length=3)]]
    forms: dict[str | None, list[Any]] = {
        "one": [int, date | None, Literal["a"], NewType("Name", str)],
        "many": [list[int], names],
        "body": [Room, Room | None, Stay, Row, Box[int], dict, dict[str, int], list[Room]],
        None: [Room | int, list, object, bytes, set[int], Any, 3],
    }
    found = {form: [form_of(kind) for kind in kinds] for form, kinds in forms.items()}
    assert found == {form: [form] * len(kinds) for form, kinds in forms.items()}

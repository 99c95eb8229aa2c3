"""Loading refuses body types with which one call could harm others, and names the fix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar
from uuid import UUID

import pytest
from msgspec import UNSET, Meta, Struct, UnsetType, field

from neurova.binding.body_types import find_danger, parts_of

Number = NewType("Number", int)
Room = Annotated[int, Meta(ge=1, le=999)]
Kind = TypeVar("Kind")


class Level(IntEnum):
    LOW = 1


class Inner(Struct):
    by_id: dict[int, str]


class Tree(Struct):
    children: list[Tree]
    inner: Inner | None = None


class Pair(NamedTuple):
    ids: set[int]


class Page(Struct, Generic[Kind]):
    rows: dict[Kind, str]


class Rows(TypedDict):
    rows: list[tuple[int, frozenset[Decimal]]]


class Safe(Struct):
    names: dict[str, int]
    anything: Any = None
    self: Safe | None = None
    numbers: list[int] = []
    unset: int | UnsetType = UNSET
    room: Room = 1
    day: date = date(2026, 1, 1)
    moments: dict[date, float] = field(default_factory=dict)


@pytest.mark.parametrize(
    "kind",
    [
        *(dict[int, str], dict[float, str], dict[Decimal, str], dict[UUID, str], dict[Number, str]),
        *(Mapping[int, str], dict[int | str, str], dict[Annotated[int, Meta(ge=0)], str]),
        *(dict[Annotated[int, Meta(ge=0, le=2**61)], str], dict[str, dict[int, str]]),
        *(list[set[int]], set[UUID], set[tuple[int, int]], frozenset[int], set[Any]),
        *(set, Tree, dict[str, Pair], Page[int], Rows, Mapping[UUID, str]),
        Annotated[dict[int, str], Meta(max_length=9)],
    ],
)
def test_values_with_chosen_hashes_are_refused(kind: Any) -> None:
    danger = find_danger(parts_of(kind))
    assert danger is not None
    assert "with one hash" in danger[0]


@pytest.mark.parametrize(
    "kind",
    [
        *(Safe, dict, dict[str, int], dict[Any, int], dict[Level, str], dict[Literal[1, 2], str]),
        *(dict[Room, str], dict[Room | str, int], set[str], set[Room], list[UUID], Page[date]),
    ],
)
def test_other_types_are_allowed(kind: Any) -> None:
    assert find_danger(parts_of(kind)) is None


class Options(Struct):
    tags: list[str] = []


class Frozen(Struct, frozen=True):
    tags: list[str] = []


@dataclass
class Data:
    size: int = 1


class OfData(Struct):
    options: Data = Data()


class OfFrozen(Struct):
    options: Frozen = Frozen()


@dataclass
class OfStruct:
    options: Options = Options()  # noqa: RUF009


class ById(Struct, eq=False):
    tags: list[str] = []


@dataclass
class OfById:
    options: ById = ById()  # noqa: RUF009


class OfTuple(Struct):
    options: tuple[list[int], ...] = ([],)


@pytest.mark.parametrize("kind", [OfData, OfFrozen, OfStruct, OfById, OfTuple])
def test_default_that_calls_share_is_refused(kind: Any) -> None:
    assert find_danger(parts_of(list[kind])) == (
        f"all calls share the default of {kind.__name__}.options",
        "write a `default_factory`",
    )

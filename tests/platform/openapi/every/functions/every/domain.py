"""Types of every kind."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec
from msgspec import Meta


class Colour(Enum):
    """The colour of a thing."""

    RED = "red"
    BLUE = "blue"


class Circle(msgspec.Struct, tag="circle", tag_field="kind"):
    """A round shape."""

    radius: Annotated[float, Meta(gt=0, le=1000)]


class Box(msgspec.Struct, tag="box", tag_field="kind", forbid_unknown_fields=True):
    """A shape with corners."""

    width: Annotated[int, Meta(ge=1, le=1000)]
    height: Annotated[int, Meta(ge=1, le=1000)] = 1


class Node(msgspec.Struct):
    """A tree."""

    name: Annotated[str, Meta(min_length=1, max_length=20)]
    below: list["Node"] = []


@dataclass
class Part:
    """A part of a thing."""

    weight: Decimal
    labels: dict[str, str] = field(default_factory=dict)


class Place(TypedDict):
    """Where a thing is."""

    row: int
    shelf: str


class Thing(msgspec.Struct, rename="camel"):
    """A thing of every kind of value."""

    id: UUID
    shape: Circle | Box
    made_on: date
    seen_at: Annotated[datetime, Meta(tz=True)]
    rests: timedelta
    place: Place
    parts: list[Part]
    colour: Colour = Colour.RED
    size: Literal["small", "large", None] = None
    tree: Node | None = None
    more: dict[str, Any] = {}

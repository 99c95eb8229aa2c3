"""A service with every kind of parameter and of reply, and functions made of a few lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from neurova.endpoints.function import Function
from neurova.functions.loader import load_service
from neurova.resources import Resources

DOMAIN = '''
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
    """What a thing may look like."""

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
'''

EVERY = {
    "domain": DOMAIN,
    "add": '''
        """Add a thing."""
        from neurova import Reject, post
        from .domain import Thing

        SCOPES = ["thing:write", "thing:read"]

        @post("/things", scopes=SCOPES, status=201, limit="60/minute", cost=2)
        async def add(thing: Thing) -> Thing:
            if thing.parts == []:
                raise Reject(409, "A thing without parts is none")
            return thing
        ''',
    "read": '''
        """Read a thing that has been added."""
        from typing import Annotated
        from uuid import UUID
        from neurova import Cookie, Header, Reject, get
        from .domain import Colour, Thing

        @get("/things/{id}", tags=["reading"])
        async def read(
            id: UUID,
            colour: Colour = Colour.BLUE,
            tags: list[str] = [],
            ratio: float | None = None,
            exact: bool = False,
            tenant: Annotated[str, Header("x-tenant")] = "",
            parts: Annotated[list[int], Header("x-parts")] = [],
            theme: Annotated[str | None, Cookie("theme")] = None,
        ) -> Thing | None:
            raise Reject(404, f"There is no thing {id}")
        ''',
    "change": '''
        from neurova import patch
        from .domain import Box, Circle

        @patch("/things/{thing}", public=True)
        def change(thing: str, shape: Circle | Box | None) -> Circle | Box | None:
            """Change a thing's shape.

            Without a shape nothing is changed, <img src=x onerror=alert(1)> neither.
            """
            return shape
        ''',
    "name": '''
        from datetime import date
        from neurova import get

        SINCE, UNTIL = date(2026, 1, 1), date(2027, 1, 1)

        @get("/names", public=True, limit="5/second", cache="5m", deprecated=SINCE, sunset=UNTIL)
        async def name() -> str:
            """Tell a name."""
            return "name"
        ''',
    "octets": """
        from neurova import get

        @get("/octets")
        async def octets() -> bytes:
            return b"octets"
        """,
    "forget": '''
        from neurova import delete

        @delete("/things/{id}", scopes=["thing:write"])
        async def forget(id: str) -> None:
            """Forget a thing."""
        ''',
    "own": '''
        from neurova import Reply, put

        @put("/own/{a}/{b}", public=True)
        async def own(a: int, b: str, *, times: int) -> Reply:
            """Answer with what it likes."""
            return Reply(202, {"a": a}, {"Location": "/own"})
        ''',
    "unsaid": """
        from neurova import get

        @get("/unsaid", public=True)
        async def unsaid():
            return {"anything": True}
        """,
}


def write(functions: Path, service: str, **files: str) -> None:
    folder = functions / service
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in files.items():
        (folder / f"{name}.py").write_text(dedent(source))


def lay_every(project: Path) -> Path:
    """Lay out a project with the service `every`, and return its folder."""
    write(project / "functions", "every", **EVERY)
    (project / "neurova.toml").write_text('[project]\nname = "every"\n')
    return project


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., list[Function]]:
    """Return what loads a service of the given files."""

    def loaded(service: str = "shop", **files: str) -> list[Function]:
        write(tmp_path / "functions", service, **files)
        return list(load_service(tmp_path / "functions", service, Resources()).functions)

    return loaded


@pytest.fixture
def every(load: Callable[..., list[Function]]) -> list[Function]:
    """Return functions with every kind of parameter and of reply."""
    return load("every", **EVERY)

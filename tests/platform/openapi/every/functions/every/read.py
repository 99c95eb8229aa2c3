"""Read a thing."""

from typing import Annotated
from uuid import UUID

from neurova import Cookie, Header, Reject, get

from .domain import Colour, Thing


@get("/things/{id}", tags=["reading"])
async def read(
    id: UUID,
    colour: Colour = Colour.BLUE,
    tags: list[str] = [],  # noqa: B006 - a default of the document
    ratio: float | None = None,
    exact: bool = False,
    tenant: Annotated[str, Header("x-tenant")] = "",
    parts: Annotated[list[int], Header("x-parts")] = [],  # noqa: B006
    theme: Annotated[str | None, Cookie("theme")] = None,
) -> Thing | None:
    raise Reject(404, f"No thing has the id {id}")

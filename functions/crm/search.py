"""Search for customers."""

from typing import Annotated

from msgspec import Meta, Struct

from neurova import Tx, get

from .domain import Customer
from .index import search

MAX_SKIP = 100_000


class Found(Struct):
    """A page of customers, best match first. Pass `next` as `skip`; null: no more."""

    customers: list[Customer]
    next: int | None


@get("/customers/search", scopes=["crm:read"], limit="600/minute")
async def search_customers(
    q: Annotated[str, Meta(max_length=200)],
    tx: Tx,
    limit: Annotated[int, Meta(ge=1, le=100)] = 20,
    skip: Annotated[int, Meta(ge=0, le=MAX_SKIP)] = 0,
) -> Found:
    """Search customers by words in fields, notes and interactions, or by phone number."""
    found = await search(tx, q, limit + 1, skip)
    has_more = len(found) > limit and skip + limit <= MAX_SKIP
    return Found(found[:limit], skip + limit if has_more else None)

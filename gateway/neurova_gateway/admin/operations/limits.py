"""/v1/limits: how the windows of a consumer, or of an address, stand; looking counts nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from neurova.http.problem import Reject

from ...keys import issuer
from ...limits.base import Bucket, Limiter
from ...plugins.rate_limit import RateLimit
from ..answer import answer, query
from ..page import PARAMETERS, Page, paged
from ..sources import Sources

KINDS = {"r": "route", "c": "consumer", "k": "key", "q": "quota"}
Row = tuple[str, str, Bucket]  # the route or "", the key or "", what is counted


class Window(msgspec.Struct, frozen=True):
    """State one window: `used` of `limit` in the last `seconds`, all of it free after `reset`."""

    kind: str
    route: str
    key_id: str
    limit: int
    seconds: int
    used: int
    left: int
    reset: int


def routes(sources: Sources) -> list[Route]:
    """Return the resource of limits."""

    def windows(request: Request) -> Response:
        asked = query(request, PARAMETERS | {"consumer", "address", "route"})
        consumer, address = asked.get("consumer", ""), asked.get("address", "")
        if bool(consumer) == bool(address):
            raise Reject(400, "say whose limits: consumer=NAME, or address=IP for public routes")
        limiter = sources.limiter()
        rows = sorted(set(_rows(sources, limiter, consumer, address, asked.get("route"))), key=_key)
        page, more = paged(rows, asked, _key, tuple[str, int])
        usages = limiter.usage([bucket for _, _, bucket in page])
        return answer(
            Page([_window(*row, *usage) for row, usage in zip(page, usages, strict=True)], more)
        )

    return [Route("/v1/limits", windows)]


def _rows(
    sources: Sources, limiter: Limiter, consumer: str, address: str, route: str | None
) -> Iterator[Row]:
    callers: list[dict[str, str]] = [{}]
    if consumer:
        now = sources.clock()
        callers = [
            {
                "consumer": consumer,
                "key_id": record.key_id,
                "limits": record.limits,
                "consumer_limits": record.consumer_limits,
                "quota": str(record.quota or ""),
            }
            for record in sources.keys().records(consumer)
            if record.environment == sources.environment and not issuer.ended(record, now)
        ]
    bound = [(each.name, each.limit) for each in sources.functions() if each.limit]
    if route is not None:
        bound = [(name, limit) for name, limit in bound if name == route]
    for name, limit in [("", ""), *bound]:
        rates = RateLimit(limiter, route=name, limit=limit, consumer_limit=sources.consumer_limit)
        for caller in callers[: 1 if name else None]:
            for bucket in rates.buckets(caller, address):
                kind = bucket.name[0]
                if (kind == "r") == bool(name):
                    yield name, caller["key_id"] if kind in "kq" else "", bucket


def _key(row: Row) -> tuple[str, int]:
    return row[2].name, row[2].seconds


def _window(route: str, key_id: str, bucket: Bucket, used: int, left: int, reset: int) -> Window:
    kind = KINDS[bucket.name[0]]
    return Window(kind, route, key_id, bucket.limit, bucket.seconds, used, left, reset)

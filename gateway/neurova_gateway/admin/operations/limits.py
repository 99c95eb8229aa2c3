"""/v1/limits: read how much of its rate limits a consumer or an address has used."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from neurova.http.addresses import UNKNOWN, parse_address
from neurova.http.problem import Reject
from neurova.settings.plans import Plan

from ...keys import issuer
from ...limits.base import Bucket, Limiter, Usage
from ...plugins.auth import caller_fields
from ...plugins.rate_limit import RateLimit
from ..context import AdminContext
from ..operation import Call, operation
from ..paging import Page, paginate

KINDS = {"r": "route", "c": "consumer", "k": "key", "q": "quota", "p": "plan"}
Row = tuple[str, str, Bucket]
"""The route or "", the key id or "", and the bucket that is counted."""


class Window(msgspec.Struct, frozen=True):
    """The usage of a limit in the last `seconds`; it is fully available again in `reset` s."""

    kind: str
    route: str
    key_id: str
    limit: int
    seconds: int
    used: int
    left: int
    reset: int


@operation(
    "GET",
    "/v1/limits",
    query={
        "consumer": "The consumer.",
        "address": "The IP address of a client, for public routes; unknown: of all others.",
        "route": "Only limits of this function, and those that apply to all functions.",
    },
    errors=(400,),
)
def list_limits(context: AdminContext, call: Call) -> Page[Window]:
    """List the usage of the rate limits of a consumer or an address."""
    consumer, address = call.query.get("consumer", ""), call.query.get("address", "")
    if bool(consumer) == bool(address):
        raise Reject(400, "Give either consumer=NAME, or address=IP for public routes")
    if address and address != UNKNOWN and parse_address(address) is None:
        raise Reject(400, f"{address[:64]!r} is not an IP address, or {UNKNOWN!r}")
    limiter = context.limiter()
    callers = _callers(context, consumer) if consumer else [{}]
    rows = set(_rows(context, limiter, callers, address, call.query.get("route")))
    page = paginate(sorted(rows, key=_sort_key), call.query, _sort_key, tuple[str, int])
    usages = limiter.usage([bucket for _, _, bucket in page.items])
    windows = [_window(row, usage) for row, usage in zip(page.items, usages, strict=True)]
    return Page(windows, page.next)


def _callers(context: AdminContext, consumer: str) -> list[dict[str, str]]:
    """Return, for each active key of a consumer, the caller fields that the auth plugin sets."""
    now = context.clock()
    return [
        caller_fields(record, context.plans.get(record.plan, Plan()))
        for record in context.keys().records(consumer)
        if record.environment == context.environment and not issuer.is_ended(record, now)
    ]


def _rows(
    context: AdminContext,
    limiter: Limiter,
    callers: list[dict[str, str]],
    address: str,
    route: str | None,
) -> Iterator[Row]:
    limited = [(each.name, each.limit) for each in context.functions() if each.limit]
    if route is not None:
        limited = [(name, limit) for name, limit in limited if name == route]
    for name, limit in [("", ""), *limited]:
        rates = RateLimit(
            limiter,
            route=name,
            limit=limit,
            consumer_limit=context.consumer_limit,
            zone=context.time_zone,
            clock=context.clock,
        )
        # All keys of a consumer share its limits on a route, so report them for the first key only.
        for caller in callers[: 1 if name else None]:
            for bucket in rates.buckets(caller, address):
                kind = bucket.name[0]
                if (kind == "r") == bool(name):
                    yield name, caller["key_id"] if kind in "kq" else "", bucket


def _sort_key(row: Row) -> tuple[str, int]:
    return row[2].name, row[2].seconds


def _window(row: Row, usage: Usage) -> Window:
    route, key_id, bucket = row
    return Window(KINDS[bucket.name[0]], route, key_id, bucket.limit, bucket.seconds, *usage)


OPERATIONS = (list_limits,)

"""/v1/live: calls, rates and latencies of all workers, in total and by route."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from ...metrics.counter_layout import BUCKETS
from ...metrics.totals import Totals, quantile, read_totals
from ..context import AdminContext
from ..operation import Call, operation
from ..paging import Page, paginate

UNMATCHED = "unmatched"
"""The route name shown for calls without a route; real route names contain a dot."""


class Latency(msgspec.Struct, frozen=True):
    """Estimated latencies in seconds, None without calls."""

    p50: float | None
    p90: float | None
    p99: float | None


class Span(msgspec.Struct, frozen=True):
    """The last whole `seconds`: calls, calls per second, calls by class of status."""

    seconds: int
    calls: int
    rate: float
    by_class: dict[str, int]
    latency: Latency


class Live(msgspec.Struct, frozen=True):
    """The sums over all workers, since counting began and recently.

    `limited`: calls answered 429. `unavailable`: calls answered 503. `shed`: calls refused due to
    overload. `dropped`: lost access records. `uncounted`: calls without a free counter.
    """

    calls: int
    by_class: dict[str, int]
    limited: int
    unavailable: int
    shed: int
    in_flight: int
    connections: int
    workers: int
    dropped: int
    uncounted: int
    plugin_faults: dict[str, int]
    last: tuple[Span, ...]


class RouteCalls(msgspec.Struct, frozen=True):
    """The sums of one route since counting began."""

    route: str
    calls: int
    by_status: dict[str, int]
    latency: Latency


@operation("GET", "/v1/live")
def get_live(context: AdminContext, call: Call) -> Live:
    """Get calls, rates and latencies over all workers."""
    return summarize(read_totals(context.counters), time.time())


@operation("GET", "/v1/live/routes")
def list_routes(context: AdminContext, call: Call) -> Page[RouteCalls]:
    """List calls and latencies by route."""
    routes = _by_route(read_totals(context.counters))
    return paginate(routes, call.query, lambda each: each.route)


def summarize(totals: Totals, now: float) -> Live:
    """Return the sums over all workers at `now` (Unix seconds)."""
    by_class: dict[str, int] = {}
    by_status: dict[int, int] = {}
    for (_, _, status), count in totals.calls.items():
        by_status[status] = by_status.get(status, 0) + count
    for status in sorted(by_status):
        name = f"{status // 100}xx"
        by_class[name] = by_class.get(name, 0) + by_status[status]
    return Live(
        calls=sum(by_class.values()),
        by_class=by_class,
        limited=by_status.get(429, 0),
        unavailable=by_status.get(503, 0),
        shed=totals.shed,
        in_flight=totals.in_flight,
        connections=sum(worker.connections for worker in totals.workers),
        workers=len(totals.workers),
        dropped=totals.dropped,
        uncounted=totals.lost,
        plugin_faults=totals.faults,
        last=tuple(_span(totals, seconds, now) for seconds in (1, 10, 60)),
    )


def _span(totals: Totals, seconds: int, now: float) -> Span:
    classes, buckets = totals.last(seconds, now)
    calls = sum(classes)
    by_class = {f"{at + 1}xx": count for at, count in enumerate(classes) if count}
    return Span(seconds, calls, calls / seconds, by_class, _latency(buckets))


def _by_route(totals: Totals) -> list[RouteCalls]:
    statuses: dict[str, dict[str, int]] = {}
    for (route, _, status), count in sorted(totals.calls.items()):
        route_statuses = statuses.setdefault(route, {})
        route_statuses[str(status)] = route_statuses.get(str(status), 0) + count
    routes = [
        RouteCalls(
            route or UNMATCHED,
            sum(by_status.values()),
            by_status,
            _latency(totals.times.get(route, [0] * BUCKETS)[:BUCKETS]),
        )
        for route, by_status in statuses.items()
    ]
    return sorted(routes, key=lambda each: each.route)


def _latency(buckets: Sequence[int]) -> Latency:
    return Latency(*(quantile(share, buckets) for share in (0.5, 0.9, 0.99)))


OPERATIONS = (get_live, list_routes)

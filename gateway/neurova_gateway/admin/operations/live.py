"""/v1/live and /v1/workers: what is answered now, how fast, and by whom."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...metrics.counter_layout import BUCKETS
from ...metrics.totals import FRESH, Totals, quantile, read_totals
from ..answer import answer, query
from ..page import PARAMETERS, Page, paged
from ..process import handles, resident
from ..sources import Sources

UNMATCHED = "unmatched"
"""Stands for calls that no route answers; a route's name has a dot."""


class Latency(msgspec.Struct, frozen=True):
    """State within which seconds half, nine tenths, … of the calls were answered; estimated."""

    p50: float | None
    p90: float | None
    p99: float | None


class Span(msgspec.Struct, frozen=True):
    """Sum up the last whole `seconds`: calls, calls a second, calls by class of status."""

    seconds: int
    calls: int
    rate: float
    by_class: dict[str, int]
    latency: Latency


class Live(msgspec.Struct, frozen=True):
    """Sum up all workers: since counting began, and lately.

    `limited`: answered 429; `unavailable`: 503, among them `shed`, which would have waited too
    long; `dropped`: access records lost; `uncounted`: calls that no counter was left for.
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
    """Sum up one route since counting began."""

    route: str
    calls: int
    by_status: dict[str, int]
    latency: Latency


class Worker(msgspec.Struct, frozen=True):
    """State how a worker stands; `silent`: it noted nothing for 5 s, so its loop is blocked.

    `cpu_seconds` are of all who sat on its seat; None: this system does not say.
    """

    seat: int
    pid: int
    status: str
    started: float
    sampled: float
    in_flight: int
    connections: int
    cpu_seconds: float
    resident_bytes: int | None
    open_files: int | None


def routes(sources: Sources) -> list[Route]:
    """Return the resources of what goes on."""

    def live(request: Request) -> Response:
        query(request, ())
        return answer(summed(read_totals(sources.counters), time.time()))

    def by_route(request: Request) -> Response:
        asked = query(request, PARAMETERS)
        found = _by_route(read_totals(sources.counters))
        return answer(Page(*paged(found, asked, lambda each: each.route)))

    def workers(request: Request) -> Response:
        asked = query(request, PARAMETERS)
        found = working(read_totals(sources.counters), time.time())
        return answer(Page(*paged(found, asked, lambda each: each.seat, int)))

    return [
        Route("/v1/live", live),
        Route("/v1/live/routes", by_route),
        Route("/v1/workers", workers),
    ]


def summed(totals: Totals, now: float) -> Live:
    """Return the sums of all workers at `now`, in Unix seconds."""
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


def working(totals: Totals, now: float) -> list[Worker]:
    """Return how the living workers stand at `now`."""
    return [
        Worker(
            each.slot,
            each.pid,
            "serving" if now - each.sampled < FRESH else "silent",
            each.started,
            each.sampled,
            each.in_flight,
            each.connections,
            totals.cpu[each.slot],
            resident(each.pid),
            handles(each.pid),
        )
        for each in totals.workers
    ]


def _span(totals: Totals, seconds: int, now: float) -> Span:
    classes, buckets = totals.last(seconds, now)
    calls = sum(classes)
    by_class = {f"{at + 1}xx": count for at, count in enumerate(classes) if count}
    return Span(seconds, calls, calls / seconds, by_class, _latency(buckets))


def _by_route(totals: Totals) -> list[RouteCalls]:
    statuses: dict[str, dict[str, int]] = {}
    for (route, _, status), count in sorted(totals.calls.items()):
        of_route = statuses.setdefault(route, {})
        of_route[str(status)] = of_route.get(str(status), 0) + count
    found = [
        RouteCalls(
            route or UNMATCHED,
            sum(by_status.values()),
            by_status,
            _latency(totals.times.get(route, [0] * BUCKETS)[:BUCKETS]),
        )
        for route, by_status in statuses.items()
    ]
    return sorted(found, key=lambda each: each.route)


def _latency(buckets: Sequence[int]) -> Latency:
    return Latency(*(quantile(share, buckets) for share in (0.5, 0.9, 0.99)))

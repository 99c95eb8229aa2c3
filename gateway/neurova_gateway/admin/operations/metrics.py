"""/metrics: the counters of all workers, in Prometheus' text format or OpenMetrics'."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...metrics.counter_layout import BOUNDS, BUCKETS
from ...metrics.totals import Totals, read_totals
from ..answer import query
from ..process import handles, resident
from ..sources import Sources
from .live import UNMATCHED

_ENDS = [*map(str, BOUNDS), "+Inf"]


def routes(sources: Sources) -> list[Route]:
    """Return the resource of metrics."""

    def metrics(request: Request) -> Response:
        query(request, ())
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Collector(sources))
        fields = {"content-type": kind, "cache-control": "no-store"}
        return Response(encode(registry), headers=fields)

    return [Route("/metrics", metrics)]


class Collector:
    """Give prometheus_client the sums of the counter files, read at each scrape."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> list[Metric]:
        """Return nothing: names are only known once they are read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        totals = read_totals(self._sources.counters)
        yield from _calls(totals)
        yield from _sums(totals)
        yield from _workers(totals)
        info = GaugeMetricFamily(
            "neurova_build_info", "What runs here.", labels=("version", "environment")
        )
        info.add_metric((self._sources.version, self._sources.environment), 1)
        yield info


def _calls(totals: Totals) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "neurova_http_requests", "Calls that were answered.", labels=("route", "method", "status")
    )
    limited = CounterMetricFamily(
        "neurova_rate_limited", "Calls that were answered 429.", labels=("route",)
    )
    by_route: dict[str, int] = {}
    for (route, method, status), count in sorted(totals.calls.items()):
        requests.add_metric((route or UNMATCHED, method, str(status)), count)
        if status == 429:
            by_route[route] = by_route.get(route, 0) + count
    for route, count in by_route.items():
        limited.add_metric((route or UNMATCHED,), count)
    yield requests
    yield limited
    durations = HistogramMetricFamily(
        "neurova_http_request_duration_seconds",
        "From the head of a call to its reply.",
        labels=("route",),
    )
    for route, counts in sorted(totals.times.items()):
        summed = accumulate(counts[:BUCKETS])
        durations.add_metric(
            (route or UNMATCHED,), list(zip(_ENDS, summed, strict=True)), counts[BUCKETS] / 1e6
        )
    yield durations


def _sums(totals: Totals) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "neurova_access_records_dropped", "Access records that were lost.", totals.dropped
    )
    yield CounterMetricFamily(
        "neurova_http_requests_shed", "Calls that would have waited too long.", totals.shed
    )
    yield CounterMetricFamily(
        "neurova_http_requests_uncounted", "Calls that no counter was left for.", totals.lost
    )
    faults = CounterMetricFamily(
        "neurova_plugin_faults", "Faults of plugins; each refused a call.", labels=("plugin",)
    )
    for plugin, count in sorted(totals.faults.items()):
        faults.add_metric((plugin,), count)
    yield faults


def _workers(totals: Totals) -> Iterator[Metric]:
    yield GaugeMetricFamily("neurova_workers", "Workers that live.", len(totals.workers))
    label = ("worker",)
    flight = GaugeMetricFamily(
        "neurova_http_requests_in_flight", "Calls that functions work on.", labels=label
    )
    open_ = GaugeMetricFamily(
        "neurova_http_connections", "Connections that are open.", labels=label
    )
    started = GaugeMetricFamily(
        "neurova_worker_start_time_seconds", "When a worker began, in Unix seconds.", labels=label
    )
    sampled = GaugeMetricFamily(
        "neurova_worker_sampled_seconds", "When a worker last noted how it stands.", labels=label
    )
    memory = GaugeMetricFamily(
        "neurova_worker_resident_memory_bytes", "Memory that a worker holds.", labels=label
    )
    files = GaugeMetricFamily(
        "neurova_worker_open_files", "Files and sockets that a worker has open.", labels=label
    )
    for worker in totals.workers:
        slot = (str(worker.slot),)
        flight.add_metric(slot, worker.in_flight)
        open_.add_metric(slot, worker.connections)
        started.add_metric(slot, worker.started)
        sampled.add_metric(slot, worker.sampled)
        # One that is not to be known is left out, rather than said to be 0.
        for family, value in ((memory, resident(worker.pid)), (files, handles(worker.pid))):
            if value is not None:
                family.add_metric(slot, value)
    yield from (flight, open_, started, sampled, memory, files)
    cpu = CounterMetricFamily(
        "neurova_worker_cpu_seconds", "CPU time of all processes of a worker slot.", labels=label
    )
    for number, seconds in sorted(totals.cpu.items()):
        cpu.add_metric((str(number),), seconds)
    yield cpu

"""/metrics: the counters of all workers, in the text format of Prometheus or as OpenMetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from ...metrics.counter_layout import BOUNDS, BUCKETS
from ...metrics.totals import Totals, read_totals
from ...metrics.totals import Worker as WorkerTotals
from ..context import AdminContext
from ..operation import Call, operation
from .live import UNMATCHED
from .workers import open_files, resident_bytes

_ENDS = [*map(str, BOUNDS), "+Inf"]


@operation("GET", "/metrics")
def get_metrics(context: AdminContext, call: Call) -> Response:
    """Get the metrics for Prometheus, or as OpenMetrics by Accept."""
    encode, media_type = choose_encoder(call.accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(context))
    headers = {"content-type": media_type, "cache-control": "no-store"}
    return Response(encode(registry), headers=headers)


class Collector:
    """Read the counters of all workers at each scrape."""

    def __init__(self, context: AdminContext) -> None:
        self._context = context

    def describe(self) -> list[Metric]:
        """Return nothing: the metrics are only known after reading."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        totals = read_totals(self._context.counters)
        yield from _calls(totals)
        yield from _sums(totals)
        yield from _workers(totals)
        info = GaugeMetricFamily(
            "neurova_build_info",
            "The version and environment of the platform.",
            labels=("version", "environment"),
        )
        info.add_metric((self._context.version, self._context.environment), 1)
        yield info


def _calls(totals: Totals) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "neurova_http_requests",
        "Calls that received a response.",
        labels=("route", "method", "status"),
    )
    limited = CounterMetricFamily(
        "neurova_rate_limited", "Calls refused by a rate limit (429).", labels=("route",)
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
        "Seconds from the head of a request to its response.",
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
        "neurova_http_requests_shed", "Calls refused due to overload.", totals.shed
    )
    yield CounterMetricFamily(
        "neurova_http_requests_uncounted", "Calls for which no counter was left.", totals.lost
    )
    faults = CounterMetricFamily(
        "neurova_plugin_faults", "Errors of plugins; each refused a call.", labels=("plugin",)
    )
    for plugin, count in sorted(totals.faults.items()):
        faults.add_metric((plugin,), count)
    yield faults


def _workers(totals: Totals) -> Iterator[Metric]:
    yield GaugeMetricFamily("neurova_workers", "Workers that run.", len(totals.workers))
    for name, description, value_of in _WORKER_GAUGES:
        gauge = GaugeMetricFamily(name, description, labels=("worker",))
        for worker in totals.workers:
            value = value_of(worker)
            if value is not None:  # leave out what is not available, instead of reporting 0
                gauge.add_metric((str(worker.slot),), value)
        yield gauge
    cpu = CounterMetricFamily(
        "neurova_worker_cpu_seconds",
        "CPU time of a worker, including its earlier processes.",
        labels=("worker",),
    )
    for number, seconds in sorted(totals.cpu.items()):
        cpu.add_metric((str(number),), seconds)
    yield cpu


_WORKER_GAUGES: tuple[tuple[str, str, Callable[[WorkerTotals], float | None]], ...] = (
    ("neurova_http_requests_in_flight", "Calls in flight.", lambda worker: worker.in_flight),
    ("neurova_http_connections", "Open connections.", lambda worker: worker.connections),
    (
        "neurova_worker_start_time_seconds",
        "Start time of a worker, in Unix seconds.",
        lambda worker: worker.started,
    ),
    (
        "neurova_worker_sampled_seconds",
        "Time of the last sample of a worker, in Unix seconds.",
        lambda worker: worker.sampled,
    ),
    (
        "neurova_worker_resident_memory_bytes",
        "Resident memory of a worker.",
        lambda worker: resident_bytes(worker.pid),
    ),
    (
        "neurova_worker_open_files",
        "Open files and sockets of a worker.",
        lambda worker: open_files(worker.pid),
    ),
)


OPERATIONS = (get_metrics,)

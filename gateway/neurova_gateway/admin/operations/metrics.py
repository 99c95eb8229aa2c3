"""/metrics: the counters of all workers, in the text format of Prometheus or as OpenMetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any

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
        """Return nothing: the metrics are known only after a scrape."""
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
        "neurova_http_requests", "Answered calls.", labels=("route", "method", "status")
    )
    limited: dict[str, int] = {}
    for (route, method, status), count in sorted(totals.calls.items()):
        requests.add_metric((route or UNMATCHED, method, str(status)), count)
        if status == 429:
            limited[route or UNMATCHED] = limited.get(route or UNMATCHED, 0) + count
    yield requests
    yield _counter("neurova_rate_limited", "Calls refused by a limit (429).", "route", limited)
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
    for name, description, value in (
        ("neurova_access_records_dropped", "Lost access records.", totals.dropped),
        ("neurova_http_requests_shed", "Calls refused due to overload.", totals.shed),
        ("neurova_http_requests_uncounted", "Calls without a free counter.", totals.lost),
    ):
        yield CounterMetricFamily(name, description, value)
    description = "Errors of plugins; each refused a call."
    yield _counter("neurova_plugin_faults", description, "plugin", totals.faults)


def _workers(totals: Totals) -> Iterator[Metric]:
    yield GaugeMetricFamily("neurova_workers", "Workers that run.", len(totals.workers))
    for name, description, value_of in _WORKER_GAUGES:
        gauge = GaugeMetricFamily(f"neurova_{name}", description, labels=("worker",))
        for worker in totals.workers:
            value = value_of(worker)
            if value is not None:  # omit an unavailable value instead of reporting 0
                gauge.add_metric((str(worker.slot),), value)
        yield gauge
    description = "CPU time of a worker, including its earlier processes."
    yield _counter("neurova_worker_cpu_seconds", description, "worker", totals.cpu)


def _counter(
    name: str, description: str, label: str, values: Mapping[Any, float]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, description, labels=(label,))
    for value, number in sorted(values.items()):
        family.add_metric((str(value),), number)
    return family


_WORKER_GAUGES: tuple[tuple[str, str, Callable[[WorkerTotals], float | None]], ...] = (
    ("http_requests_in_flight", "Calls in flight.", lambda worker: worker.in_flight),
    ("http_connections", "Open connections.", lambda worker: worker.connections),
    ("worker_start_time_seconds", "Start, in Unix seconds.", lambda worker: worker.started),
    ("worker_sampled_seconds", "Last sample, in Unix seconds.", lambda worker: worker.sampled),
    ("worker_resident_memory_bytes", "Memory.", lambda worker: resident_bytes(worker.pid)),
    ("worker_open_files", "Open files and sockets.", lambda worker: open_files(worker.pid)),
)


OPERATIONS = (get_metrics,)

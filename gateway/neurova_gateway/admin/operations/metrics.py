"""/metrics: the counters of all workers, in Prometheus text format or as OpenMetrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from neurova.telemetry.readings import METRICS

from ...metrics.backlogs import Backlogs
from ...metrics.call_counters import OTHERS
from ...metrics.counter_layout import CLASSES
from ...metrics.event_metrics import event_metrics
from ...metrics.families import counter, histogram
from ...metrics.totals import Totals, read_totals
from ...metrics.totals import Worker as WorkerTotals
from ..context import AdminContext
from ..operation import Call, operation
from .live import UNMATCHED
from .workers import open_files, resident_bytes

ANONYMOUS = "anonymous"
"""The label of callers without a key."""
OTHER_CONSUMERS = "others"
"""The label of all consumers that are not counted by name."""


@operation("GET", "/metrics")
async def get_metrics(context: AdminContext, call: Call) -> Response:
    """Get the metrics for Prometheus, or as OpenMetrics by Accept."""
    encode, media_type = choose_encoder(call.accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(context, await context.backlogs()))
    headers = {"content-type": media_type, "cache-control": "no-store"}
    text = await asyncio.to_thread(encode, registry)  # in a thread: it reads files
    return Response(text, headers=headers)


class Collector:
    """Read the counters of all processes at each scrape.

    `backlogs` were read before, on the event loop, because `collect` runs in a thread.
    """

    def __init__(self, context: AdminContext, backlogs: Backlogs) -> None:
        self._context = context
        self._backlogs = backlogs

    def describe(self) -> list[Metric]:
        """Return nothing: the metrics are known only after a scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        totals = read_totals(self._context.counters)
        yield from _calls(totals)
        yield from _sums(totals)
        yield from _workers(totals)
        processes = read_totals(self._context.process_counters)
        yield from event_metrics(processes, self._backlogs, time.time())
        yield from _readings(processes)
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
    yield from _consumers(totals)
    yield counter("neurova_rate_limited", "Calls refused by a limit (429).", "route", limited)
    yield histogram(
        "neurova_http_request_duration_seconds",
        "Seconds from the head of a request to its response.",
        "route",
        {route or UNMATCHED: counts for route, counts in totals.times.items()},
    )


def _consumers(totals: Totals) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "neurova_consumer_requests",
        "Answered calls of a consumer by status class.",
        labels=("consumer", "class"),
    )
    durations = SummaryMetricFamily(
        "neurova_consumer_request_duration_seconds",
        "Seconds from the head of a request of a consumer to its response.",
        labels=("consumer",),
    )
    shown = {"": ANONYMOUS, OTHERS: OTHER_CONSUMERS}
    merged: dict[str, list[int]] = {}  # a real consumer may be named like a label in `shown`
    for consumer, counts in totals.consumers.items():
        label = shown.get(consumer, consumer)
        before = merged.get(label, [0] * len(counts))
        merged[label] = [a + b for a, b in zip(before, counts, strict=True)]
    for label, counts in sorted(merged.items()):
        for number, count in enumerate(counts[:CLASSES], 1):
            if count:
                requests.add_metric((label, f"{number}xx"), count)
        durations.add_metric((label,), sum(counts[:CLASSES]), counts[CLASSES] / 1e6)
    yield requests
    yield durations


def _readings(totals: Totals) -> Iterator[Metric]:
    for name, metric in METRICS.items():
        kind = CounterMetricFamily if metric.merge == "sum" else GaugeMetricFamily
        family = kind(f"neurova_{name}", metric.description, labels=(metric.label,))
        for (reading, label), value in sorted(totals.readings.items()):
            if reading == name:
                family.add_metric((label,), value)
        yield family


def _sums(totals: Totals) -> Iterator[Metric]:
    for name, description, value in (
        ("neurova_access_records_dropped", "Lost access records.", totals.dropped),
        ("neurova_http_requests_shed", "Calls refused due to overload.", totals.shed),
        ("neurova_http_requests_uncounted", "Calls without a free counter.", totals.lost),
    ):
        yield CounterMetricFamily(name, description, value)
    description = "Errors of plugins; each refused a call."
    yield counter("neurova_plugin_faults", description, "plugin", totals.faults)


def _workers(totals: Totals) -> Iterator[Metric]:
    yield GaugeMetricFamily("neurova_workers", "Workers that run.", len(totals.workers))
    for name, description, value_of in _WORKER_GAUGES:
        family = GaugeMetricFamily(f"neurova_{name}", description, labels=("worker",))
        for worker in totals.workers:
            value = value_of(worker)
            if value is not None:  # omit an unavailable value instead of reporting 0
                family.add_metric((str(worker.slot),), value)
        yield family
    description = "CPU time of a worker, including its earlier processes."
    yield counter("neurova_worker_cpu_seconds", description, "worker", totals.cpu)


_WORKER_GAUGES: tuple[tuple[str, str, Callable[[WorkerTotals], float | None]], ...] = (
    ("http_requests_in_flight", "Calls in flight.", lambda worker: worker.in_flight),
    ("http_connections", "Open connections.", lambda worker: worker.connections),
    ("worker_start_time_seconds", "Start, in Unix seconds.", lambda worker: worker.started),
    ("worker_sampled_seconds", "Last sample, in Unix seconds.", lambda worker: worker.sampled),
    ("worker_resident_memory_bytes", "Memory.", lambda worker: resident_bytes(worker.pid)),
    ("worker_open_files", "Open files and sockets.", lambda worker: open_files(worker.pid)),
)


OPERATIONS = (get_metrics,)

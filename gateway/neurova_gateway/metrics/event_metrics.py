"""The metrics of events: subscriptions, queues and outboxes."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from .backlogs import Backlogs
from .families import gauge, histogram
from .totals import Totals


def event_metrics(totals: Totals, backlogs: Backlogs, now: float) -> Iterator[Metric]:
    """Yield all metrics of events at `now` (Unix seconds)."""
    published = sum(
        count for (_, outcome), count in totals.events.items() if outcome == "published"
    )
    yield CounterMetricFamily("neurova_events_published", "Events that the bus took.", published)
    deliveries = CounterMetricFamily(
        "neurova_event_deliveries",
        "Deliveries to a subscription and runs of a schedule.",
        labels=("subscription", "outcome"),
    )
    for (subscription, outcome), count in sorted(totals.events.items()):
        if subscription:
            deliveries.add_metric((subscription, outcome), count)
    yield deliveries
    yield histogram(
        "neurova_event_duration_seconds",
        "Seconds that a subscription or schedule took.",
        "subscription",
        totals.event_times,
    )
    yield from _queues(backlogs, now)
    outboxes = backlogs.outboxes
    yield gauge(
        "neurova_outbox_events",
        "Events that wait in the outbox of a service.",
        "service",
        {name: each.waiting for name, each in outboxes.items()},
    )
    yield gauge(
        "neurova_outbox_age_seconds",
        "Seconds that the oldest event has waited in the outbox.",
        "service",
        {name: _age(each.oldest, now) for name, each in outboxes.items()},
    )
    yield gauge(
        "neurova_backend_up",
        "Whether a backend answered this scrape.",
        "backend",
        {name: float(is_up) for name, is_up in backlogs.up.items()},
    )


def _queues(backlogs: Backlogs, now: float) -> Iterator[Metric]:
    messages = GaugeMetricFamily(
        "neurova_queue_messages", "Messages of a queue by state.", labels=("queue", "state")
    )
    for queue, depth in sorted(backlogs.queues.items()):
        for state in ("ready", "delivered", "delayed", "dead"):
            count = getattr(depth, state)
            if count >= 0:  # omit a count that the backend does not know
                messages.add_metric((queue, state), count)
    yield messages
    ages = {
        queue: _age(depth.oldest, now)
        for queue, depth in backlogs.queues.items()
        if depth.oldest or not depth.ready  # otherwise the age is unknown
    }
    yield gauge(
        "neurova_queue_age_seconds", "Seconds that the oldest message waits.", "queue", ages
    )


def _age(oldest: float, now: float) -> float:
    return max(now - oldest, 0.0) if oldest else 0.0

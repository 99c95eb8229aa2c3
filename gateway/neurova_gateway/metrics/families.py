"""Create Prometheus metric families that have one label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from .counter_layout import BOUNDS, BUCKETS

_ENDS = [*map(str, BOUNDS), "+Inf"]


def counter(
    name: str, description: str, label: str, values: Mapping[Any, float]
) -> CounterMetricFamily:
    """Return a counter with one sample per label value."""
    family = CounterMetricFamily(name, description, labels=(label,))
    for value, number in sorted(values.items()):
        family.add_metric((str(value),), number)
    return family


def gauge(
    name: str, description: str, label: str, values: Mapping[str, float]
) -> GaugeMetricFamily:
    """Return a gauge with one sample per label value."""
    family = GaugeMetricFamily(name, description, labels=(label,))
    for value, number in sorted(values.items()):
        family.add_metric((value,), number)
    return family


def histogram(
    name: str, description: str, label: str, times: Mapping[str, Sequence[int]]
) -> HistogramMetricFamily:
    """Return a histogram; `times`: the counts per bucket, then the sum in microseconds."""
    family = HistogramMetricFamily(name, description, labels=(label,))
    for value, counts in sorted(times.items()):
        summed = accumulate(counts[:BUCKETS])
        family.add_metric((value,), list(zip(_ENDS, summed, strict=True)), counts[BUCKETS] / 1e6)
    return family

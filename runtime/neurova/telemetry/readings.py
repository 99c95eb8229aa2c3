"""The metrics that parts of a process report for /metrics besides calls and events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """A metric of a process: its description, its label, and how to merge processes.

    `merge` is "sum" for counts since the process started, "min" or "max" for current values.
    """

    description: str
    label: str
    merge: Literal["sum", "min", "max"]


METRICS = {
    "event_loop_lag_seconds": Metric(
        "The longest delay of the event loop in the last 10 s.", "role", "max"
    ),
    "event_age_seconds": Metric(
        "The age of the last event when its subscription had handled it.", "subscription", "max"
    ),
    "lease_remaining_seconds": Metric(
        "Seconds until the credential ends unless it is renewed.", "database", "min"
    ),
    "lease_failures": Metric("Failed renewals of a credential.", "database", "sum"),
    "telemetry_dropped": Metric("Spans and log lines that were dropped.", "exporter", "sum"),
}
"""All metrics that a `Reading` may name; /metrics adds `neurova_`, and `_total` to sums."""


class Reading(NamedTuple):
    """The value of a metric in this process for one value of its label; NaN if there is none."""

    metric: str
    label: str
    value: float


ReadingSource = Callable[[], Iterable[Reading]]
"""Return the current readings. Called twice a second on the event loop, so it must not block."""

"""Sums over the counter files of all worker processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from neurova.telemetry.readings import METRICS

from . import counter_layout
from .counter_file import entries, read_counter_files
from .counter_layout import (
    BOUNDS,
    BUCKETS,
    CALLS,
    CLASSES,
    CONSUMERS,
    EVENT_TIMES,
    EVENTS,
    FAULTS,
    READINGS,
    TIMES,
    VALUES,
    to_float,
)

_Key = TypeVar("_Key")
FRESH = 5.0
"""A process is silent after this many seconds without a sample; it samples twice a second."""


class Worker(msgspec.Struct, frozen=True):
    """One live process: its slot, and its gauges at `sampled` (Unix seconds)."""

    slot: int
    pid: int
    started: float
    sampled: float
    in_flight: int
    connections: int


class Totals(msgspec.Struct):
    """Sums over all counter files.

    `calls`: by route, method and status. `times`: by route, the calls per bucket, then the sum in
    microseconds. `seconds`: by Unix second, the calls per status class, then per bucket. Route ""
    stands for calls that match no route. `cpu`: seconds by slot. `consumers`: by consumer, the
    calls per status class, then the sum in microseconds. `events`: by subscription and outcome.
    `event_times`: by subscription, like `times`. `readings`: by metric and label.
    """

    workers: list[Worker] = []
    calls: dict[tuple[str, str, int], int] = {}
    times: dict[str, list[int]] = {}
    faults: dict[str, int] = {}
    seconds: dict[int, list[int]] = {}
    cpu: dict[int, float] = {}
    consumers: dict[str, list[int]] = {}
    events: dict[tuple[str, str], int] = {}
    event_times: dict[str, list[int]] = {}
    readings: dict[tuple[str, str], float] = {}
    dropped: int = 0
    shed: int = 0
    lost: int = 0

    @property
    def in_flight(self) -> int:
        """Return the calls in flight, as last sampled."""
        return sum(worker.in_flight for worker in self.workers)

    def last(self, seconds: int, now: float) -> tuple[list[int], list[int]]:
        """Return the calls of the last whole `seconds` before `now`, by class and by bucket."""
        summed = [0] * (CLASSES + BUCKETS)
        for second in range(int(now) - seconds, int(now)):
            for at, count in enumerate(self.seconds.get(second, ())):
                summed[at] += count
        return summed[:CLASSES], summed[CLASSES:]


def read_totals(folder: Path) -> Totals:
    """Sum the counter files of a folder; a file in use may lack part of one batch."""
    totals = Totals()
    for slot, is_alive, words in read_counter_files(folder):
        if is_alive:
            totals.workers.append(_worker(slot, words))
        totals.cpu[slot] = words[counter_layout.AT_CPU] / 1_000_000
        totals.dropped += words[counter_layout.AT_DROPPED]
        totals.shed += words[counter_layout.AT_SHED]
        totals.lost += words[counter_layout.AT_LOST]
        for kind, key, at in entries(words):
            values = words[at : at + VALUES[kind]]
            if kind == READINGS:
                _merge(totals.readings, key, to_float(values[0]), is_alive)
            else:
                _add(totals, kind, key, values)
        for second in range(counter_layout.SECONDS):
            at = counter_layout.second_offset(second)
            if words[at]:
                counts = words[at + 1 : at + counter_layout.SECOND_WORDS]
                _sum(totals.seconds, words[at], counts)
    return totals


def _add(totals: Totals, kind: int, key: str, values: memoryview) -> None:
    """Add the values of one entry."""
    if kind == CALLS:
        route, method, status = key.split("\0")
        call = route, method, int(status)
        totals.calls[call] = totals.calls.get(call, 0) + values[0]
    elif kind == EVENTS:
        subscription, outcome = key.split("\0")
        event = subscription, outcome
        totals.events[event] = totals.events.get(event, 0) + values[0]
    elif kind == FAULTS:
        totals.faults[key] = totals.faults.get(key, 0) + values[0]
    else:
        lists = {TIMES: totals.times, CONSUMERS: totals.consumers, EVENT_TIMES: totals.event_times}
        _sum(lists[kind], key, values)


def _merge(readings: dict[tuple[str, str], float], key: str, value: float, is_alive: bool) -> None:
    """Merge the reading of one process; of a process that has ended, only sums count."""
    name, _, label = key.partition("\0")
    metric = METRICS.get(name)
    if metric is None or math.isnan(value) or not (is_alive or metric.merge == "sum"):
        return
    before = readings.get((name, label))
    if before is not None:
        value = {"sum": before + value, "min": min(before, value), "max": max(before, value)}[
            metric.merge
        ]
    readings[name, label] = value


def quantile(share: float, buckets: Sequence[int]) -> float | None:
    """Return a quantile of the durations in seconds; `share` is from 0 to 1; None without calls.

    The value is interpolated linearly within a bucket; in the last bucket it is the highest bound.
    """
    wanted = share * sum(buckets)
    if not wanted:
        return None
    below, start = 0, 0.0
    for end, count in zip(BOUNDS, buckets, strict=False):
        if count and below + count >= wanted:
            return start + (end - start) * (wanted - below) / count
        below, start = below + count, end
    return BOUNDS[-1]


def _worker(slot: int, words: memoryview) -> Worker:
    return Worker(
        slot,
        words[counter_layout.AT_PID],
        words[counter_layout.AT_STARTED] / 1000,
        words[counter_layout.AT_SAMPLED] / 1000,
        words[counter_layout.AT_IN_FLIGHT],
        words[counter_layout.AT_CONNECTIONS],
    )


def _sum(into: dict[_Key, list[int]], key: _Key, values: memoryview) -> None:
    """Add values to the sums of a key, element by element."""
    before = into.get(key, [0] * len(values))
    into[key] = [a + b for a, b in zip(before, values, strict=True)]

"""Sums over the counter files of all worker processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from . import counter_layout
from .counter_file import entries, read_counter_files
from .counter_layout import BOUNDS, BUCKETS, CALLS, CLASSES, FAULTS, TIMES

FRESH = 5.0
"""Seconds without a sample after which a process, which samples twice a second, is silent."""


class Worker(msgspec.Struct, frozen=True):
    """One living process: its slot, and its gauges at `sampled` (Unix seconds)."""

    slot: int
    pid: int
    started: float
    sampled: float
    in_flight: int
    connections: int


class Totals(msgspec.Struct):
    """Sums over all counter files.

    `calls` by route, method, status; `times` by route: calls per bucket, then the sum in
    microseconds; `seconds` by Unix second: calls per class, then per bucket. Route "": calls that
    match no route. `cpu`: seconds by slot.
    """

    workers: list[Worker] = []
    calls: dict[tuple[str, str, int], int] = {}
    times: dict[str, list[int]] = {}
    faults: dict[str, int] = {}
    seconds: dict[int, list[int]] = {}
    cpu: dict[int, float] = {}
    dropped: int = 0
    shed: int = 0
    lost: int = 0

    @property
    def in_flight(self) -> int:
        """Return the calls in flight, as last sampled."""
        return sum(worker.in_flight for worker in self.workers)

    def last(self, seconds: int, now: float) -> tuple[list[int], list[int]]:
        """Return calls by class and by bucket of that many whole seconds before `now`."""
        summed = [0] * (CLASSES + BUCKETS)
        for second in range(int(now) - seconds, int(now)):
            for at, count in enumerate(self.seconds.get(second, ())):
                summed[at] += count
        return summed[:CLASSES], summed[CLASSES:]


def read_totals(folder: Path) -> Totals:
    """Sum the counter files of a folder; a file being written is off by one batch at most."""
    calls: defaultdict[tuple[str, str, int], int] = defaultdict(int)
    times: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (BUCKETS + 1))
    faults: defaultdict[str, int] = defaultdict(int)
    seconds: defaultdict[int, list[int]] = defaultdict(lambda: [0] * (CLASSES + BUCKETS))
    totals = Totals()
    for slot, is_alive, words in read_counter_files(folder):
        if is_alive:
            totals.workers.append(_worker(slot, words))
        totals.cpu[slot] = words[counter_layout.AT_CPU] / 1_000_000
        totals.dropped += words[counter_layout.AT_DROPPED]
        totals.shed += words[counter_layout.AT_SHED]
        totals.lost += words[counter_layout.AT_LOST]
        for kind, key, at in entries(words):
            if kind == CALLS:
                route, method, status = key.split("\0")
                calls[route, method, int(status)] += words[at]
            elif kind == TIMES:
                _sum(times[key], words[at : at + BUCKETS + 1])
            elif kind == FAULTS:
                faults[key] += words[at]
        for second in range(counter_layout.SECONDS):
            at = counter_layout.second_offset(second)
            if words[at]:
                _sum(seconds[words[at]], words[at + 1 : at + counter_layout.SECOND_WORDS])
    totals.calls, totals.times = dict(calls), dict(times)
    totals.faults, totals.seconds = dict(faults), dict(seconds)
    return totals


def quantile(share: float, buckets: Sequence[int]) -> float | None:
    """Return the seconds that `share` (0 to 1) of the calls stayed below, None without calls.

    Interpolates linearly within a bucket. In the last bucket it returns the highest bound.
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


def _sum(into: list[int], words: memoryview) -> None:
    for at, count in enumerate(words):
        into[at] += count

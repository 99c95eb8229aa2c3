"""What all processes have counted, summed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec

from . import layout
from .layout import BUCKETS, CALLS, CLASSES, FAULTS, TIMES
from .worker_file import entries, seats

FRESH = 5.0
"""Seconds after which a process that notes nothing is not answering: it notes twice a second."""


class Worker(msgspec.Struct, frozen=True):
    """One living process: its seat, and how it stood at `sampled` (Unix seconds)."""

    seat: int
    pid: int
    started: float
    sampled: float
    in_flight: int
    connections: int


class Totals(msgspec.Struct):
    """Hold the sums over all seats.

    `calls`: by route, method, status; `times`: by route, a count a bucket and the sum in
    microseconds; `seconds`: by Unix second, calls by class and by bucket. Route "" is no route.
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
        """Return the calls that functions work on now, as last noted."""
        return sum(worker.in_flight for worker in self.workers)

    def last(self, seconds: int, now: float) -> tuple[list[int], list[int]]:
        """Return calls by class and by bucket of that many whole seconds before `now`."""
        summed = [0] * (CLASSES + BUCKETS)
        for second in range(int(now) - seconds, int(now)):
            for at, count in enumerate(self.seconds.get(second, ())):
                summed[at] += count
        return summed[:CLASSES], summed[CLASSES:]


def read(folder: Path) -> Totals:
    """Return what the seats of a folder hold; one that is being written is at most a batch off."""
    calls: defaultdict[tuple[str, str, int], int] = defaultdict(int)
    times: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (BUCKETS + 1))
    faults: defaultdict[str, int] = defaultdict(int)
    seconds: defaultdict[int, list[int]] = defaultdict(lambda: [0] * (CLASSES + BUCKETS))
    totals = Totals()
    for number, living, words in seats(folder):
        if living:
            totals.workers.append(_worker(number, words))
        totals.cpu[number] = words[layout.AT_CPU] / 1_000_000
        totals.dropped += words[layout.AT_DROPPED]
        totals.shed += words[layout.AT_SHED]
        totals.lost += words[layout.AT_LOST]
        for kind, key, at in entries(words):
            if kind == CALLS:
                route, method, status = key.split("\0")
                calls[route, method, int(status)] += words[at]
            elif kind == TIMES:
                _sum(times[key], words[at : at + BUCKETS + 1])
            elif kind == FAULTS:
                faults[key] += words[at]
        for slot in range(layout.SECONDS):
            at = layout.HEAD + slot * layout.SECOND_WORDS
            if words[at]:
                _sum(seconds[words[at]], words[at + 1 : at + layout.SECOND_WORDS])
    totals.calls, totals.times = dict(calls), dict(times)
    totals.faults, totals.seconds = dict(faults), dict(seconds)
    return totals


def _worker(number: int, words: memoryview) -> Worker:
    return Worker(
        number,
        words[layout.AT_PID],
        words[layout.AT_STARTED] / 1000,
        words[layout.AT_SAMPLED] / 1000,
        words[layout.AT_IN_FLIGHT],
        words[layout.AT_CONNECTIONS],
    )


def _sum(into: list[int], words: memoryview) -> None:
    for at, count in enumerate(words):
        into[at] += count

"""Count the calls of one process, from batches of call records."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..pipeline.call_records import CallRecord
from . import counter_layout
from .counter_file import CounterFile, open_counter_file
from .counter_layout import BUCKETS, CALLS, CLASSES, CONSUMERS, FAULTS, TIMES

METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
OTHER = "OTHER"
OTHERS = "\0others"
"""The key for all consumers that are not counted by name; no consumer can have this name."""
_Group = tuple[str, str, int, int, int]  # route, method, status, bucket, second
_BOUNDS = tuple(bound * 1000 for bound in counter_layout.BOUNDS)  # in ms, as in records


class CallCounters:
    """Add call records to a counter file in `folder`; a `CallSink`.

    Calls are counted between `open` and `close`. `write` and `sample` may run in different threads.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: CounterFile | None = None
        self._lock = threading.Lock()
        self._last_totals: dict[int, int] = {}
        self._last_faults: Counter[str] = Counter()
        self._consumers: set[str] = set()

    @property
    def slot(self) -> int:
        """Return the slot, unique among the live processes of this folder; -1 while closed."""
        return -1 if self._file is None else self._file.slot

    def open(self) -> None:
        """Open a counter file. Raises StateError."""
        self._last_totals.clear()
        self._last_faults.clear()
        self._file = open_counter_file(self._folder)
        self._consumers = set(self._file.keys(CONSUMERS))

    def close(self) -> None:
        """Release the counter file."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                file.words[counter_layout.AT_IN_FLIGHT] = 0
                file.words[counter_layout.AT_CONNECTIONS] = 0
                file.close()

    def write(self, records: Sequence[CallRecord]) -> None:
        """Count a batch of calls."""
        groups, consumers = _group(records)
        with self._lock:
            if self._file is not None:
                for group, (count, ms) in groups.items():
                    _add_call(self._file, group, count, ms)
                    _add_second(self._file.words, group, count)
                for (consumer, status), (count, ms) in consumers.items():
                    self._add_consumer(self._file, consumer, status, count, ms)

    def _add_consumer(
        self, file: CounterFile, consumer: str, status: int, count: int, ms: float
    ) -> None:
        known = self._consumers
        if consumer not in known:
            if len(known) >= counter_layout.MAX_CONSUMERS:
                consumer = OTHERS
            known.add(consumer)
        at = file.offset(CONSUMERS, consumer)
        if at:
            file.words[at + min(max(status // 100, 1), CLASSES) - 1] += count
            file.words[at + CLASSES] += int(ms * 1000)

    def sample(
        self,
        *,
        in_flight: int,
        connections: int,
        dropped: int,
        shed: int,
        faults: Mapping[str, int],
    ) -> None:
        """Write gauges, and the totals (`dropped`, `shed`, `faults`) since this process started."""
        with self._lock:
            file = self._file
            if file is None:
                return
            cpu = int(time.process_time() * 1_000_000)
            totals = {
                counter_layout.AT_DROPPED: dropped,
                counter_layout.AT_SHED: shed,
                counter_layout.AT_CPU: cpu,
            }
            for at, total in totals.items():
                file.words[at] += total - self._last_totals.get(at, 0)
            self._last_totals = totals
            file.words[counter_layout.AT_IN_FLIGHT] = in_flight
            file.words[counter_layout.AT_CONNECTIONS] = connections
            for plugin, count in tuple(faults.items()):
                at = file.offset(FAULTS, plugin)
                if at:
                    file.words[at] += count - self._last_faults[plugin]
                self._last_faults[plugin] = count
            file.words[counter_layout.AT_SAMPLED] = int(time.time() * 1000)


def _group(
    records: Iterable[CallRecord],
) -> tuple[dict[_Group, tuple[int, float]], dict[tuple[str, int], tuple[int, float]]]:
    """Return the number of calls and their total milliseconds, grouped in two ways.

    The first dict is by `_Group`, the second by consumer and status.
    """
    groups: dict[_Group, tuple[int, float]] = {}
    consumers: dict[tuple[str, int], tuple[int, float]] = {}
    get, get_consumer = groups.get, consumers.get
    for record in records:
        ms = record.ms
        second = int(record.time + ms * 0.001)
        key = record.route, record.method, record.status, bisect_left(_BOUNDS, ms), second
        count, total = get(key, (0, 0.0))
        groups[key] = count + 1, total + ms
        who = record.consumer, record.status
        count, total = get_consumer(who, (0, 0.0))
        consumers[who] = count + 1, total + ms
    return groups, consumers


def _add_call(file: CounterFile, group: _Group, count: int, ms: float) -> None:
    route, method, status, bucket, _ = group
    # Clients can send any method, so count unknown methods without a route under one name.
    shown = method if route or method in METHODS else OTHER
    calls = file.offset(CALLS, f"{route}\0{shown}\0{status}")
    times = file.offset(TIMES, route)
    words = file.words  # read this after both calls of `offset`, which may remap the file
    if calls and times:
        words[calls] += count
        words[times + bucket] += count
        words[times + BUCKETS] += int(ms * 1000)
    else:
        words[counter_layout.AT_LOST] += count


def _add_second(words: memoryview, group: _Group, count: int) -> None:
    _, _, status, bucket, second = group
    at = counter_layout.second_offset(second)
    if second < words[at] <= second + counter_layout.SECONDS:
        return  # the ring buffer has no place for a call this old
    if words[at] != second:  # the place holds an older second: reuse it
        for place in range(at + 1, at + counter_layout.SECOND_WORDS):
            words[place] = 0
        words[at] = second
    words[at + min(max(status // 100, 1), CLASSES)] += count
    words[at + 1 + CLASSES + bucket] += count

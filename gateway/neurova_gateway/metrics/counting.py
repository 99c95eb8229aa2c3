"""Count the calls of one process into its seat: from batches of access records, off the path."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from . import layout
from .layout import BUCKETS, CALLS, CLASSES, FAULTS, TIMES
from .worker_file import Seat

if TYPE_CHECKING:
    from ..pipeline.access_log import Record

METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
OTHER = "OTHER"
_BOUNDS = tuple(bound * 1000 for bound in layout.BOUNDS)  # records are in milliseconds
_Alike = tuple[str, str, int, int, int]


class Counting:
    """Add to a seat's counters. `watch` and `sample` may be called by two threads."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self._lock = threading.Lock()
        self._open = True
        self._said = dict.fromkeys((layout.AT_DROPPED, layout.AT_SHED, layout.AT_CPU), 0)
        self._faults: Counter[str] = Counter()

    def watch(self, records: Iterable[Record]) -> None:
        """Count a batch of calls."""
        counted = _tally(records)
        with self._lock:
            if not self._open:
                return
            for (route, method, status, bucket, second), (count, ms) in counted.items():
                self._add(route, method, status, (count, bucket, ms))
                self._add_second(second, status, bucket, count)

    def sample(
        self,
        *,
        in_flight: int,
        connections: int,
        dropped: int,
        shed: int,
        faults: Mapping[str, int],
    ) -> None:
        """Note how the process stands; the last three are its own, since it started."""
        with self._lock:
            if not self._open:
                return
            cpu = int(time.process_time() * 1_000_000)
            words = self.seat.words
            now = {layout.AT_DROPPED: dropped, layout.AT_SHED: shed, layout.AT_CPU: cpu}
            for at, count in now.items():
                words[at] += count - self._said[at]
            self._said = now
            words[layout.AT_IN_FLIGHT] = in_flight
            words[layout.AT_CONNECTIONS] = connections
            for plugin, count in tuple(faults.items()):
                at = self.seat.place(FAULTS, plugin)
                if at:
                    self.seat.words[at] += count - self._faults[plugin]
                self._faults[plugin] = count
            self.seat.words[layout.AT_SAMPLED] = int(time.time() * 1000)

    def close(self) -> None:
        """Give the seat up."""
        with self._lock:
            if self._open:
                self._open = False
                self.seat.words[layout.AT_IN_FLIGHT] = self.seat.words[layout.AT_CONNECTIONS] = 0
                self.seat.close()

    def _add(self, route: str, method: str, status: int, seen: tuple[int, int, float]) -> None:
        count, bucket, ms = seen
        # Where there is no route, a client may have made the method up.
        shown = method if route or method in METHODS else OTHER
        calls = self.seat.place(CALLS, f"{route}\0{shown}\0{status}")
        times = self.seat.place(TIMES, route)
        words = self.seat.words  # after both: they may have moved
        if calls and times:
            words[calls] += count
            words[times + bucket] += count
            words[times + BUCKETS] += int(ms * 1000)
        else:
            words[layout.AT_LOST] += count

    def _add_second(self, second: int, status: int, bucket: int, count: int) -> None:
        words, at = self.seat.words, layout.second(second)
        if second < words[at] <= second + layout.SECONDS:
            return  # of a minute ago
        if words[at] != second:  # also of a time to come, before the clock was set back
            for place in range(at + 1, at + layout.SECOND_WORDS):
                words[place] = 0
            words[at] = second
        words[at + min(max(status // 100, 1), CLASSES)] += count
        words[at + 1 + CLASSES + bucket] += count


def _tally(records: Iterable[Record]) -> dict[_Alike, list[Any]]:
    """Return how many calls were alike and their milliseconds, by route, method, status, …"""
    tally: dict[_Alike, list[Any]] = {}
    get = tally.get
    for record in records:
        ms = record.ms
        ended = int(record.time + ms * 0.001)
        alike = record.route, record.method, record.status, bisect_left(_BOUNDS, ms), ended
        seen = get(alike)
        if seen is None:
            tally[alike] = [1, ms]
        else:
            seen[0] += 1
            seen[1] += ms
    return tally

"""Count calls by key, function and day, from batches of call records."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence

from neurova.errors import Unavailable

from ..keys.base import KeyStore, Usage
from ..pipeline.call_records import CallRecord

KEEP_DAYS = 400
DAY = 86_400
_Key = tuple[str, str, str, str]


class UsageCounter:
    """Collect counts in memory until `flush` adds them to a key store; a `CallSink`.

    Calls without a known key are not counted. SIGKILL loses the counts since the last flush.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[_Key, list[int]] = {}
        self._dropped_on = ""

    def write(self, records: Sequence[CallRecord]) -> None:
        """Count a batch of calls."""
        # Group by day number: formatting the date of each record would cost 1 µs per call.
        groups = Counter(
            (int(record.time // DAY), record.consumer, record.key_id, record.route, record.status)
            for record in records
            if record.key_id
        )
        with self._lock:
            for (day, consumer, key_id, route, status), count in groups.items():
                key = day_of(day * DAY), consumer, key_id, route
                counts = self._counts.setdefault(key, [0, 0, 0])
                counts[0] += count
                if status >= 500:
                    counts[2] += count
                elif status >= 400:
                    counts[1] += count

    def flush(self, store: KeyStore) -> None:
        """Store the counts. Raises Unavailable when the store is down; the next call retries."""
        with self._lock:
            pending, self._counts = self._counts, {}
        try:
            if pending:
                store.add_usage(Usage(*key, *counts) for key, counts in pending.items())
        except Unavailable:
            with self._lock:
                for key, counts in pending.items():
                    newer = self._counts.get(key, (0, 0, 0))
                    self._counts[key] = [sum(pair) for pair in zip(counts, newer, strict=True)]
            raise
        today = day_of(time.time())
        if today != self._dropped_on:
            store.drop_usage(day_of(time.time() - KEEP_DAYS * DAY))
            self._dropped_on = today


def day_of(moment: float) -> str:
    """Return the day (UTC) of a time in Unix seconds, like "2026-11-30"."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))

"""Write the event counts and readings of one process to its counter file."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from neurova.subscriptions.records import EventRecord
from neurova.telemetry.readings import METRICS, Reading, ReadingSource

from .counter_file import CounterFile, open_counter_file
from .counter_layout import BOUNDS, BUCKETS, EVENT_TIMES, EVENTS, READINGS, to_float, to_word

LOGGER = logging.getLogger("neurova.gateway")
SAMPLE_SECONDS = 0.5
AGE_SECONDS = 60.0  # the age of a subscription's last event is reported for this long
LAG_SAMPLES = 20  # report the longest lag of 10 s, so that a scrape every 15 s sees most peaks


class ProcessCounters:
    """Count events and sample the readings of one process, between `open` and `close`.

    More `sources` may be appended at any time. All methods run on the event loop.
    """

    def __init__(self, folder: Path, role: str) -> None:
        self.sources: list[ReadingSource] = [self._own_readings]
        self._folder = folder
        self._role = role
        self._file: CounterFile | None = None
        self._ages: dict[str, tuple[float, float]] = {}  # (age, measured at)
        self._lags: deque[float] = deque(maxlen=LAG_SAMPLES)
        self._last: dict[tuple[str, str], float] = {}
        self._has_failed = False

    def open(self) -> None:
        """Open a counter file. Raises StateError."""
        self._file = open_counter_file(self._folder)
        for key in self._file.keys(READINGS):
            if METRICS[key.partition("\0")[0]].merge != "sum":  # stale: of an earlier process
                self._file.words[self._file.offset(READINGS, key)] = to_word(math.nan)

    def close(self) -> None:
        """Write the last readings and release the file."""
        if self._file is not None:
            self.sample()
            self._file.close()
            self._file = None

    def count_event(self, record: EventRecord) -> None:
        """Count an event that was published, or that a subscription has processed."""
        file = self._file
        if file is None:
            return
        at = file.offset(EVENTS, f"{record.subscription}\0{record.outcome}")
        if at:
            file.words[at] += 1
        if not record.subscription:
            return
        times = file.offset(EVENT_TIMES, record.subscription)
        if times:
            file.words[times + bisect_left(BOUNDS, record.ms / 1000)] += 1
            file.words[times + BUCKETS] += int(record.ms * 1000)
        if record.published:
            age = max(record.time - record.published, 0.0)
            self._ages[record.subscription] = age, time.monotonic()

    async def run(self) -> None:
        """Sample until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + SAMPLE_SECONDS
            await asyncio.sleep(SAMPLE_SECONDS)
            self._lags.append(max(loop.time() - due, 0.0))
            self.sample()

    def sample(self) -> None:
        """Write the readings of all sources."""
        if self._file is None:
            return
        for source in self.sources:
            try:
                for reading in source():
                    self._write(self._file, reading)
            except Exception:
                if not self._has_failed:
                    LOGGER.exception("A reading for /metrics failed")
                self._has_failed = True

    def _own_readings(self) -> Iterator[Reading]:
        yield Reading("event_loop_lag_seconds", self._role, max(self._lags, default=0.0))
        oldest = time.monotonic() - AGE_SECONDS
        for subscription, (age, measured) in self._ages.items():
            shown = age if measured > oldest else math.nan
            yield Reading("event_age_seconds", subscription, shown)

    def _write(self, file: CounterFile, reading: Reading) -> None:
        metric, label, value = reading
        at = file.offset(READINGS, f"{metric}\0{label}")
        if not at:
            return
        if METRICS[metric].merge == "sum":  # add to the total of earlier processes
            before = self._last.get((metric, label), 0.0)
            self._last[metric, label] = value
            value = to_float(file.words[at]) + value - before
        file.words[at] = to_word(value)

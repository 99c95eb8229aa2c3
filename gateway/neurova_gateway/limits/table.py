"""The embedded limiter: a memory-mapped table shared by all processes of a machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from neurova.errors import Unavailable

from . import index, layout, record
from .base import Bucket, Decision, Usage
from .layout import (
    AT_LAST,
    AT_OFFSET,
    AT_SEGMENTS,
    AT_SYNC,
    AT_WALL,
    BASE,
    MAX_ENTRIES,
    MERGE_UNTIL,
    RING,
    STEADY_UNTIL,
    TOTAL,
)
from .table_file import TableFile

SECOND = 1_000_000_000
CACHE_SIZE = 20_000
USAGE_BATCH = 16
T = TypeVar("T")
_LOCK_NOW = LOCK_EX | LOCK_NB
_new = tuple.__new__  # creates a NamedTuple twice as fast as its constructor
_Location = tuple[int, int, int]  # word of the record, first word of its key, window in ns


class _Log(NamedTuple):
    """The state of a bucket's log: window, entry offsets, number of entries, and totals."""

    window: int
    newest: int
    oldest: int
    length: int
    base: int
    total: int


class _SteadyLogs(NamedTuple):
    """Cached positions in the logs of some buckets; they stay valid until `until`.

    `logs`: for each bucket, the words of the newest entry's time and total, and the total at which
    the bucket is full. `buckets` keeps the tuple alive, because its `id` is the key of the cache.
    """

    until: int
    logs: tuple[tuple[int, int, int], ...]
    reset: tuple[int, ...]
    buckets: tuple[Bucket, ...]


# Logs by record, so that a bucket listed twice in one call is charged once.
_Logs = dict[int, _Log]


class LimitTable:
    """Count calls in logs of merged entries; never admit too many calls, and rarely too few.

    `path`: the file that all processes of the machine open; its folder must exist. `clock`: the
    monotonic clock in nanoseconds, read once per decision while the lock is held. `wall`: the wall
    clock in nanoseconds, used after a reboot. Threads may share a table.

    Raises StateError when the file cannot be used.
    """

    waits = False

    def __init__(
        self,
        path: Path,
        clock: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._locations: dict[Bucket, _Location] = {}
        self._steady: dict[int, _SteadyLogs] = {}
        self._sync_due = 0
        self.file = TableFile(path)
        self._run_locked(self._resume_clock)

    async def connect(self) -> None:
        """Do nothing: no call waits for the network."""

    def admit(self, buckets: Sequence[Bucket], cost: int = 1) -> Decision:
        """Charge `cost` to all buckets, or to none if any of them is full.

        Raises Unavailable when the call cannot be counted; ValueError for a cost below 1.
        """
        if cost < 1:
            raise ValueError(f"cost {cost!r}: give 1 or more")
        file = self.file
        with file.mutex:
            try:
                try:
                    flock(file.descriptor, _LOCK_NOW)
                except BlockingIOError:
                    file.lock()
                except (OSError, ValueError) as error:
                    raise Unavailable(
                        "the table of rate limits is closed", where=str(file.path)
                    ) from error
                decision = self._admit_steady(buckets, cost) or self._admit(buckets, cost)
            except BaseException:
                file.unlock()  # even if the plugin watchdog raises, which can happen at any line
                raise
            flock(file.descriptor, LOCK_UN)
            return decision

    def usage(self, buckets: Sequence[Bucket]) -> tuple[Usage, ...]:
        """Return the state of buckets without charging them or assigning records.

        Raises Unavailable when the table cannot be locked.
        """
        found: list[Usage] = []
        for begin in range(0, len(buckets), USAGE_BATCH):  # unlock between batches: calls wait
            batch = buckets[begin : begin + USAGE_BATCH]
            found += self._run_locked(partial(self._read_usage, batch))
        return tuple(found)

    def close(self) -> None:
        """Close the file; the counts stay in it."""
        self.file.close()

    def _read_usage(self, buckets: Sequence[Bucket]) -> list[Usage]:
        file = self.file
        if file.words[AT_SEGMENTS] != file.segments:
            file.map_segments()
        now = max(self._clock() + file.words[AT_OFFSET], file.words[AT_LAST])
        return [_usage(file.words, file.segments, bucket, now) for bucket in buckets]

    def _run_locked(self, action: Callable[[], T]) -> T:
        with self.file.mutex:
            self.file.lock()
            try:
                return action()
            finally:
                self.file.unlock()

    def _admit_steady(self, buckets: Sequence[Bucket], cost: int) -> Decision | None:
        """Decide a call that changes only the newest entries; return None in all other cases.

        This common case takes a quarter of the time of `_admit`. The cache is keyed by the id of
        the tuple of buckets, because looking up each bucket by value would double the time.
        """
        steady = self._steady.get(id(buckets))
        if steady is None:
            return None
        until, logs, reset, _ = steady
        words = self.file.words
        now = self._clock() + words[AT_OFFSET]
        # Until `until`, no process appends or drops an entry or claims the record. AT_LAST shows
        # that no charge has a later time than `now`. So nothing else needs to be checked.
        if not words[AT_LAST] <= now <= until:
            return None
        remaining = []
        for _, total, full in logs:
            left = full - words[total] - cost
            if left < 0:
                return None
            remaining.append(left)
        words[AT_LAST] = now
        for newest, total, _ in logs:
            words[newest] = now
            words[total] += cost
        return _new(Decision, (True, tuple(remaining), reset, 0))

    def _admit(self, buckets: Sequence[Bucket], cost: int) -> Decision:
        words = self.file.words
        now = max(self._clock() + words[AT_OFFSET], words[AT_LAST])
        logs: _Logs = {}
        remaining = []
        for bucket in buckets:
            location = self._locations.get(bucket)
            if location is None or words[location[0]] != location[1]:
                self._locate(buckets, now)
                words = self.file.words
                location = self._locations[bucket]
            log = logs[location[0]] = _read_log(words, location[0], location[2], now)
            remaining.append(bucket.limit + log.base - log.total - cost)
        if min(remaining, default=0) < 0:
            return self._refuse(words, buckets, logs, cost, now)
        words[AT_LAST] = now
        for at, log in logs.items():
            _charge(words, at, log, cost, now)
        if now > self._sync_due:
            words[AT_WALL] = self._wall()
            words[AT_SYNC] = now
            self._sync_due = now + SECOND
        # This charge is now the newest entry, so the full limit is free after a whole window.
        reset = tuple(bucket.seconds for bucket in buckets)
        if type(buckets) is tuple and len(logs) == len(buckets):
            self._cache_steady(words, buckets, reset)
        return Decision(True, tuple(remaining), reset, 0)

    def _cache_steady(
        self, words: memoryview, buckets: tuple[Bucket, ...], reset: tuple[int, ...]
    ) -> None:
        if len(self._steady) >= CACHE_SIZE:
            self._steady.clear()
        until, logs = self._sync_due, []
        for bucket in buckets:
            at = self._locations[bucket][0]
            until = min(until, words[at + STEADY_UNTIL])
            newest = at + (words[at + RING] >> 6)
            logs.append((newest, newest + TOTAL, bucket.limit + words[at + BASE]))
        self._steady[id(buckets)] = _SteadyLogs(until, tuple(logs), reset, buckets)

    def _refuse(
        self, words: memoryview, buckets: Sequence[Bucket], logs: _Logs, cost: int, now: int
    ) -> Decision:
        """Return a refusal and its wait. Write nothing: the next charge drops expired entries."""
        remaining, reset, wait = [], [], 1
        for bucket in buckets:
            at = self._locations[bucket][0]
            window, newest, oldest, length, base, total = logs[at]
            surplus = total - base + cost - bucket.limit
            if surplus > 0:
                # A cost above the limit is never admitted: report the wait for an empty window.
                expires = now
                if length:
                    expires = record.entry_time(words, at, oldest, length, base + surplus)
                wait = max(wait, -(-(expires + window + 1 - now) // SECOND))
            remaining.append(max(bucket.limit + base - total, 0))
            reset.append(-(-(words[at + newest] + window + 1 - now) // SECOND) if length else 0)
        return Decision(False, tuple(remaining), tuple(reset), wait)

    def _locate(self, buckets: Sequence[Bucket], now: int) -> None:
        """Cache the locations of the buckets' records; assign records to new buckets."""
        file = self.file
        if file.words[AT_SEGMENTS] != file.segments:
            file.map_segments()  # another process appended a segment
        if len(self._locations) + len(buckets) > CACHE_SIZE:
            self._locations.clear()
        keys = [index.hash_key(bucket.name, bucket.seconds) for bucket in buckets]
        found = {key: index.find_record(file.words, file.segments, *key) for key in keys}
        for key, bucket in zip(keys, buckets, strict=True):
            window = bucket.seconds * SECOND
            while not found[key]:
                # Do not claim the record of another bucket of this call, even if it has expired.
                taken = set(found.values())
                found[key] = index.claim_record(file.words, file.segments, key, window, now, taken)
                if not found[key]:
                    file.add_segment()
            self._locations[bucket] = (found[key], key[0], window)

    def _resume_clock(self) -> None:
        """Correct the table's clock after a reboot, which restarts the monotonic clock.

        The table's clock advances by the elapsed wall-clock time and never goes back. A reboot is
        not detected if the uptime is already longer than at the last charge; then entries expire
        late, but never early.
        """
        words = self.file.words
        last = words[AT_LAST]
        now = self._clock()
        if now + words[AT_OFFSET] >= last:
            return
        # After a power failure, the pages on disk may have been written at different times.
        end = layout.segment_start(self.file.segments)
        for at in range(layout.segment_start(0), end, layout.RECORD_WORDS):
            if words[at + layout.KEY_HIGH]:
                last = max(last, record.repair(words, at))
        words[AT_LAST] = last
        wall_at_last = words[AT_WALL] + last - words[AT_SYNC]
        words[AT_OFFSET] = last + max(self._wall() - wall_at_last, 0) - now


def _read_log(words: memoryview, at: int, window: int, now: int) -> _Log:
    """Return the state of a log without its expired entries."""
    ring = words[at + RING]
    newest, length, base = ring >> 6, ring & 63, words[at + BASE]
    oldest = record.oldest_offset(newest, length)
    while length and words[at + oldest] < now - window:
        base = words[at + oldest + TOTAL]
        oldest = record.next_offset(oldest)
        length -= 1
    total = words[at + newest + TOTAL]
    return _Log(window, newest, oldest, length, base if length else total, total)


def _usage(words: memoryview, segments: int, bucket: Bucket, now: int) -> Usage:
    at = index.find_record(words, segments, *index.hash_key(bucket.name, bucket.seconds))
    if not at:
        return Usage(0, bucket.limit, 0)
    log = _read_log(words, at, bucket.seconds * SECOND, now)
    used = log.total - log.base
    reset = -(-(words[at + log.newest] + log.window + 1 - now) // SECOND) if log.length else 0
    return Usage(used, max(bucket.limit - used, 0), reset)


def _charge(words: memoryview, at: int, log: _Log, cost: int, now: int) -> None:
    """Write a charge; the order of the writes never leaves too low a count after a crash."""
    window, newest, _, length, base, total = log
    words[at + BASE] = base
    if length == MAX_ENTRIES and now > words[at + MERGE_UNTIL]:
        newest, length = record.merge_entries(words, at, window)
    if length and now <= words[at + MERGE_UNTIL]:
        words[at + newest] = now
        words[at + newest + TOTAL] = total + cost
    else:
        newest = record.append_entry(words, at, (newest, length), total + cost, now)
        length += 1
    words[at + RING] = newest << 6 | length
    # The oldest entry may be merged with newer ones, so it expires no later than they do.
    oldest = record.oldest_offset(newest, length)
    words[at + STEADY_UNTIL] = min(words[at + MERGE_UNTIL], words[at + oldest] + window)

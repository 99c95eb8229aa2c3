"""The embedded limiter: a table in memory, shared by all processes of the machine."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from neurova.errors import Unavailable

from . import index, layout, record
from .base import Bucket, Decision
from .file import TableFile
from .layout import (
    AT_CHANGING,
    AT_LAST,
    AT_MARK,
    AT_SEGMENTS,
    AT_SHIFT,
    AT_WALL,
    COUNTS,
    ENTRIES,
    GRAIN,
    RING,
    TIMES,
    TOTAL,
    UNTIL,
)

SECOND = 1_000_000_000
REMEMBERED = 20_000
_TAKE = fcntl.LOCK_EX | fcntl.LOCK_NB
_FEW = ENTRIES // 4
_LAST = ENTRIES - 1
_new = tuple.__new__  # half the cost of the NamedTuple's own

# How buckets stand: by record, the window in ns, first entry, entries, and what they add up to.
# By record, so that a bucket named twice in one call is charged once.
_States = dict[int, tuple[int, int, int, int]]


class Table:
    """Count calls in logs of coalesced entries: strict, and exact up to the grain of the log.

    `path`: a file that all processes of the machine open; its folder must exist. `clock`:
    nanoseconds that only go forward while the machine runs; it is read once for each decision,
    under the lock. `wall`: nanoseconds of the wall clock, used to bridge a restart of the machine.
    Threads may share a table.

    Raises StateError when the file cannot be used, with what to do.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._places: dict[Bucket, tuple[int, int, int]] = {}
        self._mark_due = 0
        self._file = TableFile(path)
        self._locked(self._bridge)

    def admit(self, buckets: Sequence[Bucket], cost: int = 1) -> Decision:
        """Charge `cost` to all buckets, or to none if any of them is full.

        Raises Unavailable when the count cannot be kept; ValueError for a cost below 1.
        """
        if cost < 1:
            raise ValueError(f"cost {cost!r}: give 1 or more")
        file = self._file
        with file.mutex:
            try:
                fcntl.flock(file.descriptor, _TAKE)
            except BlockingIOError:
                file.wait()
            except (OSError, ValueError) as error:
                raise Unavailable(f"{file.path}: the table of rate limits is closed") from error
            try:
                return self._decide(buckets, cost)
            finally:
                fcntl.flock(file.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file; what was counted stays in it."""
        self._file.close()

    def _locked(self, action: Callable[[], None]) -> None:
        with self._file.mutex:
            self._file.wait()
            try:
                action()
            finally:
                fcntl.flock(self._file.descriptor, fcntl.LOCK_UN)

    def _decide(self, buckets: Sequence[Bucket], cost: int) -> Decision:
        file = self._file
        words = file.words
        if words[AT_CHANGING] or words[AT_SEGMENTS] != file.segments:
            words = self._catch_up()
        now = self._clock() + words[AT_SHIFT]
        if now < words[AT_LAST]:
            now = words[AT_LAST]
        states: _States = {}
        remaining = []
        reset = []
        full = False
        places = self._places
        for bucket in buckets:
            place = places.get(bucket)
            if place is None or words[place[0]] != place[1]:
                self._place(buckets, now)
                words = file.words
                place = places[bucket]
            at, _, window = place
            ring = words[at + RING]
            total = words[at + TOTAL]
            head = ring >> 6
            length = ring & 63
            before = now - window
            while length and words[at + TIMES + head] < before:
                total -= words[at + COUNTS + head]
                head = head + 1 if head < _LAST else 0
                length -= 1
            if not length:
                total = 0  # whatever somebody died of
            left = bucket[1] - total - cost
            if left < 0:
                full = True
            states[at] = (window, head, length, total)
            remaining.append(left)
            reset.append(bucket[2])
        if full:
            return self._refusal(words, buckets, states, cost, now)
        self._charge(words, states, cost, now)
        # The newest entry is this very call, so it is a whole window until all has left.
        return _new(Decision, (True, tuple(remaining), tuple(reset), 0))

    def _catch_up(self) -> memoryview:
        """Map what others appended, mend what somebody died of."""
        self._file.map()
        words = self._file.words
        if words[AT_CHANGING]:
            record.mend(words, words[AT_CHANGING])
            words[AT_CHANGING] = 0
        return words

    def _charge(self, words: memoryview, states: _States, cost: int, now: int) -> None:
        """Write what was decided; a death between any two words must leave too much counted."""
        words[AT_LAST] = now
        for at, (window, head, length, total) in states.items():
            words[AT_CHANGING] = at
            if length == ENTRIES and now > words[at + UNTIL]:
                length = record.make_room(words, at, head, window)
            if length and now <= words[at + UNTIL]:
                newest = at + (head + length - 1) % ENTRIES
                words[newest + TIMES] = now
                words[newest + COUNTS] += cost
            else:
                newest = at + (head + length) % ENTRIES
                words[newest + TIMES] = now
                words[newest + COUNTS] = cost
                grain = words[at + GRAIN]
                if grain and length <= _FEW:
                    # A log with room to spare may be finer again.
                    words[at + GRAIN] = grain = grain >> 1 if length else 0
                words[at + UNTIL] = now + grain
                length += 1
            words[at + RING] = head << 6 | length
            words[at + TOTAL] = total + cost
        words[AT_CHANGING] = 0
        if now > self._mark_due:
            words[AT_WALL] = self._wall()
            words[AT_MARK] = now
            self._mark_due = now + SECOND

    def _refusal(
        self, words: memoryview, buckets: Sequence[Bucket], states: _States, cost: int, now: int
    ) -> Decision:
        """Say how long to wait; nothing is written, what has left the logs stays for the next."""
        remaining, reset, wait = [], [], 1
        for bucket in buckets:
            at = self._places[bucket][0]
            window, head, length, total = states[at]
            surplus = total + cost - bucket.limit
            if surplus > 0:
                # A cost above the limit never fits; a whole window is as good as any answer.
                leaves = record.leaving(words, at, head, length, surplus) if length else now
                wait = max(wait, -(-(leaves + window + 1 - now) // SECOND))
            remaining.append(max(bucket.limit - total, 0))
            newest = words[at + TIMES + (head + length - 1) % ENTRIES]
            reset.append(-(-(newest + window + 1 - now) // SECOND) if length else 0)
        return Decision(False, tuple(remaining), tuple(reset), wait)

    def _place(self, buckets: Sequence[Bucket], now: int) -> None:
        """Learn where the buckets' records are, giving a new one to those without."""
        file = self._file
        if len(self._places) + len(buckets) > REMEMBERED:
            self._places.clear()
        keys = [index.key(bucket.name, bucket.seconds) for bucket in buckets]
        found = [index.find(file.words, file.segments, *key) for key in keys]
        for i, (key, bucket) in enumerate(zip(keys, buckets, strict=True)):
            window = bucket.seconds * SECOND
            while not found[i]:
                # Not what another bucket of this call was found at, idle as it may be.
                found[i] = index.claim(file.words, file.segments, key, window, now, {*found})
                if not found[i]:
                    file.grow()
            self._places[bucket] = (found[i], key[0], window)

    def _bridge(self) -> None:
        """Set the table's clock after a restart of the machine, when the monotonic one began anew.

        It goes on from where it stood, by as much as the wall clock says has passed, never back. A
        restart it does not notice (longer up than before) only makes it late, never early.
        """
        words = self._file.words
        last = words[AT_LAST]
        now = self._clock()
        if now + words[AT_SHIFT] >= last:
            return
        # What reached the disk before a power cut may be of different moments.
        for at in range(layout.start(0), layout.start(self._file.segments), layout.RECORD_WORDS):
            if words[at + layout.KEY_HIGH]:
                last = max(last, record.mend(words, at))
        words[AT_CHANGING] = 0
        words[AT_LAST] = last
        wall_then = words[AT_WALL] + last - words[AT_MARK]
        words[AT_SHIFT] = last + max(self._wall() - wall_then, 0) - now

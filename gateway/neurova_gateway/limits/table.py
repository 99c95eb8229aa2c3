"""The embedded limiter: a table in memory, shared by all processes of the machine."""

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
from .file import TableFile
from .layout import (
    AT_LAST,
    AT_MARK,
    AT_SEGMENTS,
    AT_SHIFT,
    AT_WALL,
    BASE,
    END,
    ENTRIES,
    RING,
    STEADY,
    UNTIL,
)

SECOND = 1_000_000_000
REMEMBERED = 20_000
FEW = 16
T = TypeVar("T")
_TAKE = LOCK_EX | LOCK_NB
_new = tuple.__new__  # half the cost of the NamedTuple's own
_Place = tuple[int, int, int]  # record, the first word of its key, window in ns


class _Log(NamedTuple):
    """How a bucket's log stands: where newest and oldest entries lie, and what was charged."""

    window: int
    newest: int
    oldest: int
    length: int
    base: int
    end: int


class _Known(NamedTuple):
    """What holds of some buckets until a time, by all their logs' STEADY, whoever charges them.

    `logs`: where a log's newest entry has its time and its end, and at what end the bucket is full.
    """

    until: int
    logs: tuple[tuple[int, int, int], ...]
    reset: tuple[int, ...]
    buckets: tuple[Bucket, ...]  # held, so that their identity stays theirs


# By record, so that a bucket named twice in one call is charged once.
_Logs = dict[int, _Log]


class LimitTable:
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
        self._places: dict[Bucket, _Place] = {}
        self._known: dict[int, _Known] = {}
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
                try:
                    flock(file.descriptor, _TAKE)
                except BlockingIOError:
                    file.wait()
                except (OSError, ValueError) as error:
                    raise Unavailable(f"{file.path}: the table of rate limits is closed") from error
                decision = self._steady(buckets, cost) or self._decide(buckets, cost)
            except BaseException:
                file.unlock()  # a watchdog may cut in anywhere
                raise
            flock(file.descriptor, LOCK_UN)
            return decision

    def usage(self, buckets: Sequence[Bucket]) -> tuple[Usage, ...]:
        """Return how buckets stand; nothing is charged, and none is given a record.

        Raises Unavailable when the table cannot be locked.
        """
        found: list[Usage] = []
        for begin in range(0, len(buckets), FEW):  # calls wait for the lock meanwhile
            some = buckets[begin : begin + FEW]
            found += self._locked(partial(self._look, some))
        return tuple(found)

    def close(self) -> None:
        """Let go of the file; what was counted stays in it."""
        self._file.close()

    def _look(self, buckets: Sequence[Bucket]) -> list[Usage]:
        file = self._file
        if file.words[AT_SEGMENTS] != file.segments:
            file.map()
        now = max(self._clock() + file.words[AT_SHIFT], file.words[AT_LAST])
        return [_usage(file.words, file.segments, bucket, now) for bucket in buckets]

    def _locked(self, action: Callable[[], T]) -> T:
        with self._file.mutex:
            self._file.wait()
            try:
                return action()
            finally:
                self._file.unlock()

    def _steady(self, buckets: Sequence[Bucket], cost: int) -> Decision | None:
        """Decide as nearly always: no entry leaves or begins, the newest ones grow; None: else.

        A quarter of what `_decide` costs. It knows buckets by the identity of their tuple: to look
        each up by its value costs as much as to charge it.
        """
        known = self._known.get(id(buckets))
        if known is None:
            return None
        until, logs, reset, _ = known
        words = self._file.words
        now = self._clock() + words[AT_SHIFT]
        # Up to `until` nobody opens, drops or takes an entry, and later nobody charges at a time
        # before: so what is known needs no second look.
        if not words[AT_LAST] <= now <= until:
            return None
        remaining = []
        for _, end, full in logs:
            left = full - words[end] - cost
            if left < 0:
                return None
            remaining.append(left)
        words[AT_LAST] = now
        for newest, end, _ in logs:
            words[newest] = now
            words[end] += cost
        return _new(Decision, (True, tuple(remaining), reset, 0))

    def _decide(self, buckets: Sequence[Bucket], cost: int) -> Decision:
        words = self._file.words
        now = max(self._clock() + words[AT_SHIFT], words[AT_LAST])
        logs: _Logs = {}
        remaining = []
        for bucket in buckets:
            place = self._places.get(bucket)
            if place is None or words[place[0]] != place[1]:
                self._place(buckets, now)
                words = self._file.words
                place = self._places[bucket]
            log = logs[place[0]] = _read(words, place[0], place[2], now)
            remaining.append(bucket.limit + log.base - log.end - cost)
        if min(remaining, default=0) < 0:
            return self._refusal(words, buckets, logs, cost, now)
        words[AT_LAST] = now
        for at, log in logs.items():
            _charge(words, at, log, cost, now)
        if now > self._mark_due:
            words[AT_WALL] = self._wall()
            words[AT_MARK] = now
            self._mark_due = now + SECOND
        # The newest entry is this very call, so it is a whole window until all has left.
        reset = tuple(bucket.seconds for bucket in buckets)
        if type(buckets) is tuple and len(logs) == len(buckets):
            self._remember(words, buckets, reset)
        return Decision(True, tuple(remaining), reset, 0)

    def _remember(
        self, words: memoryview, buckets: tuple[Bucket, ...], reset: tuple[int, ...]
    ) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        until, logs = self._mark_due, []
        for bucket in buckets:
            at = self._places[bucket][0]
            until = min(until, words[at + STEADY])
            newest = at + (words[at + RING] >> 6)
            logs.append((newest, newest + END, bucket.limit + words[at + BASE]))
        self._known[id(buckets)] = _Known(until, tuple(logs), reset, buckets)

    def _refusal(
        self, words: memoryview, buckets: Sequence[Bucket], logs: _Logs, cost: int, now: int
    ) -> Decision:
        """Say how long to wait; nothing is written, what has left the logs stays for the next."""
        remaining, reset, wait = [], [], 1
        for bucket in buckets:
            at = self._places[bucket][0]
            window, newest, oldest, length, base, end = logs[at]
            surplus = end - base + cost - bucket.limit
            if surplus > 0:
                # A cost above the limit never fits; a whole window is as good as any answer.
                leaves = now
                if length:
                    leaves = record.leaving(words, at, oldest, length, base + surplus)
                wait = max(wait, -(-(leaves + window + 1 - now) // SECOND))
            remaining.append(max(bucket.limit + base - end, 0))
            reset.append(-(-(words[at + newest] + window + 1 - now) // SECOND) if length else 0)
        return Decision(False, tuple(remaining), tuple(reset), wait)

    def _place(self, buckets: Sequence[Bucket], now: int) -> None:
        """Learn where the buckets' records are, giving a new one to those without."""
        file = self._file
        if file.words[AT_SEGMENTS] != file.segments:
            file.map()  # what others appended
        if len(self._places) + len(buckets) > REMEMBERED:
            self._places.clear()
        keys = [index.key(bucket.name, bucket.seconds) for bucket in buckets]
        found = {key: index.find(file.words, file.segments, *key) for key in keys}
        for key, bucket in zip(keys, buckets, strict=True):
            window = bucket.seconds * SECOND
            while not found[key]:
                # Not what another bucket of this call was found at, idle as it may be.
                taken = set(found.values())
                found[key] = index.claim(file.words, file.segments, key, window, now, taken)
                if not found[key]:
                    file.grow()
            self._places[bucket] = (found[key], key[0], window)

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
        words[AT_LAST] = last
        wall_then = words[AT_WALL] + last - words[AT_MARK]
        words[AT_SHIFT] = last + max(self._wall() - wall_then, 0) - now


def _read(words: memoryview, at: int, window: int, now: int) -> _Log:
    """Return how a log stands without the entries that have left."""
    ring = words[at + RING]
    newest, length, base = ring >> 6, ring & 63, words[at + BASE]
    oldest = record.first(newest, length)
    while length and words[at + oldest] < now - window:
        base = words[at + oldest + END]
        oldest = record.following(oldest)
        length -= 1
    end = words[at + newest + END]
    return _Log(window, newest, oldest, length, base if length else end, end)


def _usage(words: memoryview, segments: int, bucket: Bucket, now: int) -> Usage:
    at = index.find(words, segments, *index.key(bucket.name, bucket.seconds))
    if not at:
        return Usage(0, bucket.limit, 0)
    log = _read(words, at, bucket.seconds * SECOND, now)
    used = log.end - log.base
    reset = -(-(words[at + log.newest] + log.window + 1 - now) // SECOND) if log.length else 0
    return Usage(used, max(bucket.limit - used, 0), reset)


def _charge(words: memoryview, at: int, log: _Log, cost: int, now: int) -> None:
    """Write what was decided; a death between any two words must leave too much counted."""
    window, newest, _, length, base, end = log
    words[at + BASE] = base
    if length == ENTRIES and now > words[at + UNTIL]:
        newest, length = record.make_room(words, at, window)
    if length and now <= words[at + UNTIL]:
        words[at + newest] = now
        words[at + newest + END] = end + cost
    else:
        newest = record.open_entry(words, at, (newest, length), end + cost, now)
        length += 1
    words[at + RING] = newest << 6 | length
    # The oldest entry may have been joined with later ones: it leaves as they do, or before.
    words[at + STEADY] = min(words[at + UNTIL], words[at + record.first(newest, length)] + window)

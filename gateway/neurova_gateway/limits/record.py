"""A bucket's log within its record: open an entry, join entries, mend, tell how long to wait.

All functions take the table's words and the word at which the record begins. Writes are ordered so
that a process that dies between any two of them leaves more counted than was admitted, never less.
"""

from __future__ import annotations

from itertools import pairwise

from .layout import BASE, END, ENTRIES, ENTRY, GRAIN, LOG, RING, UNTIL

# 58 entries of the coarsest grain span a window; one more is leaving, one is being opened.
COARSEST = 58
FEW = ENTRIES // 4
_SPAN = ENTRIES * ENTRY
_BEHIND = LOG + _SPAN


def following(place: int) -> int:
    """Return where the entry behind that at `place` lies, both counted from the record's start."""
    place += ENTRY
    return place if place < _BEHIND else LOG


def first(newest: int, length: int) -> int:
    """Return where the oldest of `length` entries lies."""
    return LOG + (newest - LOG - ENTRY * (length - 1)) % _SPAN


def places(words: memoryview, at: int) -> list[int]:
    """Return where the entries of a log lie, oldest first, as words of the table."""
    ring = words[at + RING]
    oldest = first(ring >> 6, ring & 63) - LOG
    return [at + LOG + (oldest + ENTRY * i) % _SPAN for i in range(ring & 63)]


def open_entry(words: memoryview, at: int, log: tuple[int, int], end: int, now: int) -> int:
    """Begin an entry behind `log` (newest, entries), which is not full; return its place."""
    newest, length = log
    place = following(newest)
    words[at + place] = now
    words[at + place + END] = end
    grain = words[at + GRAIN]
    if grain and length <= FEW:
        # A log with room to spare may be finer again.
        words[at + GRAIN] = grain = grain >> 1 if length else 0
    words[at + UNTIL] = now + grain
    return place


def make_room(words: memoryview, at: int, window: int) -> tuple[int, int]:
    """Join neighbours of a full ring, the closest ones first; return its (newest, entries).

    A joined entry carries the later time, so that nothing leaves early. The new grain is what half
    of the neighbours lie within, and never more than 1/58 of the window, at which the ring cannot
    fill: a burst of a millisecond is kept as exactly as 60 entries allow, and so is a steady flow.
    """
    slots = places(words, at)
    times = [words[slot] for slot in slots]
    gaps = sorted(late - early for early, late in pairwise(times))
    grain = min(gaps[ENTRIES // 2 - 1], -(-window // COARSEST))
    joined: list[tuple[int, int]] = []
    anchor = -grain - 1
    for time, slot in zip(times, slots, strict=True):
        entry = (time, words[slot + END])
        if joined and time - anchor <= grain:
            joined[-1] = entry
        else:
            joined.append(entry)
            anchor = time
    # From the front: what is not yet overwritten is still true where it lies.
    for slot, (time, end) in zip(slots, joined, strict=False):
        words[slot] = time
        words[slot + END] = end
    newest = slots[len(joined) - 1] - at
    words[at + GRAIN] = grain
    words[at + UNTIL] = anchor + grain
    words[at + RING] = newest << 6 | len(joined)
    return newest, len(joined)


def mend(words: memoryview, at: int) -> int:
    """Make a log whole again of which not all reached the disk; return its latest time.

    Entries come in the order of their times and ends, an older one that follows a newer one takes
    what that one says.
    """
    latest, end = 0, words[at + BASE]
    for slot in places(words, at):
        latest = words[slot] = max(latest, words[slot])
        end = words[slot + END] = max(end, words[slot + END])
    return latest


def leaving(words: memoryview, at: int, oldest: int, length: int, end: int) -> int:
    """Return the time of the entry with which all up to `end` leave; the newest at the latest."""
    place = oldest
    for _ in range(length - 1):
        if words[at + place + END] >= end:
            break
        place = following(place)
    return words[at + place]

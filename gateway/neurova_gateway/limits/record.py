"""The log of one bucket within its record: append, merge, repair, find expiry times.

All functions take the words of the table and the word at which the record begins. An offset is
relative to this word. The order of the writes is chosen for crashes: a process that dies between
two writes may leave a count that is too high, but never a count that is too low.
"""

from __future__ import annotations

from itertools import pairwise

from .layout import (
    BASE,
    ENTRIES,
    ENTRY_WORDS,
    GRAIN,
    MAX_ENTRIES,
    MERGE_UNTIL,
    RING,
    TOTAL,
)

# At the coarsest grain, 58 entries cover a window. The other two slots are for the entry that
# expires and the entry that is appended.
COARSEST = 58
SPARSE = MAX_ENTRIES // 4
_RING_WORDS = MAX_ENTRIES * ENTRY_WORDS
_RING_END = ENTRIES + _RING_WORDS


def next_offset(offset: int) -> int:
    """Return the offset of the entry after the one at `offset`."""
    offset += ENTRY_WORDS
    return offset if offset < _RING_END else ENTRIES


def oldest_offset(newest: int, length: int) -> int:
    """Return the offset of the oldest of `length` entries."""
    return ENTRIES + (newest - ENTRIES - ENTRY_WORDS * (length - 1)) % _RING_WORDS


def entry_words(words: memoryview, at: int) -> list[int]:
    """Return the word at which each entry of a log begins, oldest first."""
    ring = words[at + RING]
    oldest = oldest_offset(ring >> 6, ring & 63) - ENTRIES
    return [at + ENTRIES + (oldest + ENTRY_WORDS * i) % _RING_WORDS for i in range(ring & 63)]


def append_entry(words: memoryview, at: int, log: tuple[int, int], total: int, now: int) -> int:
    """Append an entry and return its offset; `log` (newest offset, length) must not be full."""
    newest, length = log
    offset = next_offset(newest)
    words[at + offset] = now
    words[at + offset + TOTAL] = total
    grain = words[at + GRAIN]
    if grain and length <= SPARSE:
        # The log has many free entries, so it can afford half the grain.
        words[at + GRAIN] = grain = grain >> 1 if length else 0
    words[at + MERGE_UNTIL] = now + grain
    return offset


def merge_entries(words: memoryview, at: int, window: int) -> tuple[int, int]:
    """Merge entries of a full ring buffer that are close in time; return (newest offset, entries).

    A merged entry keeps the later time, so no charge expires early. The new grain is the median gap
    between entries, so the precision adapts to bursts and to steady traffic. The grain is at most
    1/58 of the window, because at this grain the ring buffer cannot fill up.
    """
    slots = entry_words(words, at)
    times = [words[slot] for slot in slots]
    gaps = sorted(late - early for early, late in pairwise(times))
    grain = min(gaps[MAX_ENTRIES // 2 - 1], -(-window // COARSEST))
    merged: list[tuple[int, int]] = []
    anchor = -grain - 1
    for time, slot in zip(times, slots, strict=True):
        entry = (time, words[slot + TOTAL])
        if merged and time - anchor <= grain:
            merged[-1] = entry
        else:
            merged.append(entry)
            anchor = time
    # Start at the oldest slot: after a crash, the slots not yet overwritten are still valid.
    for slot, (time, total) in zip(slots, merged, strict=False):
        words[slot] = time
        words[slot + TOTAL] = total
    newest = slots[len(merged) - 1] - at
    words[at + GRAIN] = grain
    words[at + MERGE_UNTIL] = anchor + grain
    words[at + RING] = newest << 6 | len(merged)
    return newest, len(merged)


def repair(words: memoryview, at: int) -> int:
    """Repair a log that was only partly written to disk; return its latest time.

    Times and totals never decrease, so raise each one to at least the value of the previous entry.
    """
    latest, total = 0, words[at + BASE]
    for slot in entry_words(words, at):
        latest = words[slot] = max(latest, words[slot])
        total = words[slot + TOTAL] = max(total, words[slot + TOTAL])
    return latest


def entry_time(words: memoryview, at: int, oldest: int, length: int, total: int) -> int:
    """Return the time of the first entry whose total is at least `total`, else of the newest."""
    offset = oldest
    for _ in range(length - 1):
        if words[at + offset + TOTAL] >= total:
            break
        offset = next_offset(offset)
    return words[at + offset]

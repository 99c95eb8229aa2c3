"""A bucket's log within its record: join entries, mend after a crash, tell how long to wait.

All functions take the table's words and the word at which the record begins. Writes are ordered so
that a process that dies between any two of them leaves more counted than was admitted, never less.
"""

from __future__ import annotations

from itertools import pairwise

from .layout import COUNTS, ENTRIES, GRAIN, RING, TIMES, TOTAL, UNTIL

# 58 entries of the coarsest grain span a window; one more is leaving, one is being opened.
COARSEST = 58


def entries(words: memoryview, at: int, head: int, length: int) -> list[tuple[int, int]]:
    """Return (time, count) of `length` entries from `head` on, oldest first."""
    slots = [at + (head + i) % ENTRIES for i in range(length)]
    return [(words[slot + TIMES], words[slot + COUNTS]) for slot in slots]


def make_room(words: memoryview, at: int, head: int, window: int) -> int:
    """Join neighbours of a full ring, the closest ones first; return how many entries remain.

    A joined entry carries the later time, so that nothing leaves early. The new grain is what half
    of the neighbours lie within, and never more than 1/58 of the window, at which the ring cannot
    fill: a burst of a millisecond is kept as exactly as 60 entries allow, and so is a steady flow.
    """
    old = entries(words, at, head, ENTRIES)
    gaps = sorted(late[0] - early[0] for early, late in pairwise(old))
    grain = min(gaps[ENTRIES // 2 - 1], -(-window // COARSEST))
    joined: list[tuple[int, int]] = []
    anchor = -grain - 1
    for time, count in old:
        if joined and time - anchor <= grain:
            joined[-1] = (time, joined[-1][1] + count)
        else:
            joined.append((time, count))
            anchor = time
    # From the front: what is not yet overwritten is counted twice, never lost.
    for i, (time, count) in enumerate(joined):
        slot = at + (head + i) % ENTRIES
        words[slot + TIMES] = time
        words[slot + COUNTS] = count
    words[at + GRAIN] = grain
    words[at + UNTIL] = anchor + grain
    words[at + RING] = head << 6 | len(joined)
    return len(joined)


def mend(words: memoryview, at: int) -> int:
    """Make a log whole again after somebody died while changing it; return its latest time.

    Entries come in the order of their times, an older one that follows a newer one takes its time;
    the total is what they add up to.
    """
    ring = words[at + RING]
    latest = total = 0
    for i in range(ring & 63):
        slot = at + ((ring >> 6) + i) % ENTRIES
        latest = words[slot + TIMES] = max(latest, words[slot + TIMES])
        total += words[slot + COUNTS]
    words[at + TOTAL] = total
    return latest


def leaving(words: memoryview, at: int, head: int, length: int, units: int) -> int:
    """Return the time of the entry with which `units` will have left; the newest at the latest."""
    for i in range(length):
        slot = at + (head + i) % ENTRIES
        units -= words[slot + COUNTS]
        if units <= 0:
            break
    return words[slot + TIMES]

"""Where each number lies in a seat's file: native 64-bit words, each true by itself.

    head | ring of the last seconds | entries, one behind the other, up to SIZE

An entry is one word (kind << 32 | octets of its key), the key filled up to whole words, and its
values. It is written whole before SIZE moves behind it, so a process that dies leaves no half one.
"""

from __future__ import annotations

MAGIC = 0x4E56_434F_554E_5453
VERSION = 1
WORD = 8

AT_MAGIC = 0
AT_VERSION = 1
AT_SIZE = 2
"""Words in use."""
AT_PID = 3
AT_STARTED = 4
"""When the process took the seat, in Unix milliseconds."""
AT_SAMPLED = 5
"""When it last noted what follows, in Unix milliseconds."""
AT_IN_FLIGHT = 6
AT_CONNECTIONS = 7
AT_DROPPED = 8
"""Access records lost, by all who ever sat here."""
AT_CPU = 9
"""CPU time in microseconds, of all who ever sat here."""
AT_LOST = 10
"""Calls that no entry was left for."""
AT_SHED = 11
"""Calls refused because they would have waited too long, by all who ever sat here."""
HEAD = 16

BOUNDS = (
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
"""Upper ends of the buckets of durations, in seconds; one more bucket has no end."""
BUCKETS = len(BOUNDS) + 1

CLASSES = 5
"""1xx to 5xx."""
SECONDS = 64
"""So many seconds does the ring hold; each: which one it is, its calls by class, by bucket."""
SECOND_WORDS = 1 + CLASSES + BUCKETS
ENTRIES = HEAD + SECONDS * SECOND_WORDS
FIRST_BYTES = 64 << 10
MOST_BYTES = 16 << 20

CALLS = 1
"""Key: route, method, status, parted by NUL; one value."""
TIMES = 2
"""Key: route; a value a bucket, then the sum in microseconds."""
FAULTS = 3
"""Key: a plugin; one value."""
VALUES = {CALLS: 1, TIMES: BUCKETS + 1, FAULTS: 1}


def second(of: int) -> int:
    """Return the word at which a Unix second lies in the ring."""
    return HEAD + of % SECONDS * SECOND_WORDS


def key_words(octets: int) -> int:
    """Return how many words a key takes."""
    return -(-octets // WORD)

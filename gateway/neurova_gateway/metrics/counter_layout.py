"""The layout of a counter file: native 64-bit words.

    head | ring of the last seconds | entries, one after another, up to AT_SIZE

An entry is one word (kind << 32 | length of its key in bytes), the key padded to whole words, and
the values. AT_SIZE increases only after the whole entry is written, so a process that dies during
an append leaves no partial entry.
"""

from __future__ import annotations

import struct

MAGIC = 0x4E56_434F_554E_5453
VERSION = 1
WORD = 8

AT_MAGIC = 0
AT_VERSION = 1
AT_SIZE = 2
"""Words in use."""
AT_PID = 3
AT_STARTED = 4
"""When the process opened the file, in Unix milliseconds."""
AT_SAMPLED = 5
"""When the process last wrote the gauges, in Unix milliseconds."""
AT_IN_FLIGHT = 6
AT_CONNECTIONS = 7
AT_DROPPED = 8
"""Lost call records, by all processes that used this file."""
AT_CPU = 9
"""CPU time in microseconds, of all processes that used this file."""
AT_LOST = 10
"""Calls that were not counted, because the file had no space for an entry."""
AT_SHED = 11
"""Calls refused under overload, by all processes that used this file."""
HEAD = 16

BOUNDS = (
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
"""Upper bounds of the duration buckets, in seconds; the last bucket has no bound."""
BUCKETS = len(BOUNDS) + 1

CLASSES = 5
"""Status classes, 1xx to 5xx."""
SECONDS = 64
"""Size of the ring. Each second holds: its Unix time, calls by class, calls by bucket."""
SECOND_WORDS = 1 + CLASSES + BUCKETS
ENTRIES = HEAD + SECONDS * SECOND_WORDS
FIRST_BYTES = 64 << 10
MOST_BYTES = 16 << 20

CALLS = 1
"""Key: route, method, status, separated by NUL; one value."""
TIMES = 2
"""Key: route; one value per bucket, then the sum in microseconds."""
FAULTS = 3
"""Key: plugin; one value."""
CONSUMERS = 4
"""Key: consumer; one value per status class, then the sum of the durations in microseconds."""
EVENTS = 5
"""Key: subscription, outcome, separated by NUL; one value."""
EVENT_TIMES = 6
"""Key: subscription; the same values as TIMES."""
READINGS = 7
"""Key: metric, label, separated by NUL; one value: the bits of a float, NaN if it is not set."""
VALUES = {
    CALLS: 1,
    TIMES: BUCKETS + 1,
    FAULTS: 1,
    CONSUMERS: CLASSES + 1,
    EVENTS: 1,
    EVENT_TIMES: BUCKETS + 1,
    READINGS: 1,
}
MAX_CONSUMERS = 500
"""A file counts at most this many consumers by name, and all others together."""


def second_offset(second: int) -> int:
    """Return the word where a Unix second starts in the ring."""
    return HEAD + second % SECONDS * SECOND_WORDS


def key_words(size: int) -> int:
    """Return how many words a key of `size` bytes takes."""
    return -(-size // WORD)


def to_word(value: float) -> int:
    """Return the bits of a float as a word."""
    word: int = struct.unpack("=Q", struct.pack("=d", value))[0]
    return word


def to_float(word: int) -> float:
    """Return the float that has the bits of a word."""
    value: float = struct.unpack("=d", struct.pack("=Q", word))[0]
    return value

"""Find the record of a bucket in the table, or a free record."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from .layout import (
    ENTRIES,
    GRAIN,
    KEY_HIGH,
    KEY_LOW,
    MERGE_UNTIL,
    RECORD_WORDS,
    RING,
    STEADY_UNTIL,
    WINDOW,
    record_count,
    segment_start,
)

MAX_PROBES = 16


def hash_key(name: str, seconds: int) -> tuple[int, int]:
    """Return the two words that identify a bucket in the table; the first is never 0."""
    text = f"{seconds}:{name}".encode("utf-8", "surrogatepass")
    digest = blake2b(text, digest_size=16).digest()
    return int.from_bytes(digest[:8], "little") or 1, int.from_bytes(digest[8:], "little")


def probe(segments: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield (segment, record) for each record that may hold a key."""
    for segment in range(segments):
        mask, first = record_count(segment) - 1, segment_start(segment)
        for i in range(MAX_PROBES):
            yield segment, first + ((high + i) & mask) * RECORD_WORDS


def find_record(words: memoryview, segments: int, high: int, low: int) -> int:
    """Return the record that holds a key, 0 if none does."""
    ended = -1
    for segment, at in probe(segments, high):
        if segment == ended:
            continue
        found = words[at + KEY_HIGH]
        if found == high and words[at + KEY_LOW] == low:
            return at
        if not found:
            ended = segment  # a key is never stored behind a record that was never used
    return 0


def claim_record(
    words: memoryview,
    segments: int,
    key: tuple[int, int],
    window: int,
    now: int,
    taken: set[int],
) -> int:
    """Assign an expired record that is not in `taken` to a key; return 0 if there is none."""
    for _, at in probe(segments, key[0]):
        if at not in taken and is_expired(words, at, now):
            _assign(words, at, key, window)
            return at
    return 0


def is_expired(words: memoryview, at: int, now: int) -> bool:
    """Return whether all entries of a record have expired."""
    ring = words[at + RING]
    return not ring & 63 or now - words[at + (ring >> 6)] > words[at + WINDOW]


def _assign(words: memoryview, at: int, key: tuple[int, int], window: int) -> None:
    # Store the longer of both windows before the key: after a crash between these writes, neither
    # the old nor the new key loses its log too early. Write the high word first: readers check it.
    words[at + STEADY_UNTIL] = 0
    words[at + RING] = ENTRIES << 6  # the log has no entries
    words[at + WINDOW] = max(window, words[at + WINDOW])
    words[at + KEY_HIGH], words[at + KEY_LOW] = key
    words[at + MERGE_UNTIL] = 0
    words[at + GRAIN] = 0
    words[at + WINDOW] = window

"""Find a bucket's record in the table, or one that it may have."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from .layout import (
    GRAIN,
    KEY_HIGH,
    KEY_LOW,
    LOG,
    RECORD_WORDS,
    RING,
    STEADY,
    UNTIL,
    WINDOW,
    slots,
    start,
)

PROBES = 16


def key(name: str, seconds: int) -> tuple[int, int]:
    """Return the two words by which a bucket is known; the first is never 0."""
    text = f"{seconds}:{name}".encode("utf-8", "surrogatepass")
    digest = blake2b(text, digest_size=16).digest()
    return int.from_bytes(digest[:8], "little") or 1, int.from_bytes(digest[8:], "little")


def probes(segments: int, high: int) -> Iterator[tuple[int, int]]:
    """Give (segment, record) of all places where a key may lie."""
    for segment in range(segments):
        mask, first = slots(segment) - 1, start(segment)
        for i in range(PROBES):
            yield segment, first + ((high + i) & mask) * RECORD_WORDS


def find(words: memoryview, segments: int, high: int, low: int) -> int:
    """Return the record of a key, 0 if it has none."""
    ended = -1
    for segment, at in probes(segments, high):
        if segment == ended:
            continue
        found = words[at + KEY_HIGH]
        if found == high and words[at + KEY_LOW] == low:
            return at
        if not found:
            ended = segment  # never used, so nothing of this key lies behind it
    return 0


def claim(
    words: memoryview,
    segments: int,
    wanted: tuple[int, int],
    window: int,
    now: int,
    taken: set[int],
) -> int:
    """Give a key a record that is unused or whose log has run out, none of `taken`; 0: all full."""
    for _, at in probes(segments, wanted[0]):
        if at not in taken and idle(words, at, now):
            _assign(words, at, wanted, window)
            return at
    return 0


def idle(words: memoryview, at: int, now: int) -> bool:
    """Tell whether nothing is counted in a record any more."""
    ring = words[at + RING]
    return not ring & 63 or now - words[at + (ring >> 6)] > words[at + WINDOW]


def _assign(words: memoryview, at: int, wanted: tuple[int, int], window: int) -> None:
    # The longer of both windows stands while the key changes: whichever key a crash leaves here
    # keeps its log long enough. The high word goes first: it is what others remember a record by.
    words[at + STEADY] = 0
    words[at + RING] = LOG << 6  # no entries
    words[at + WINDOW] = max(window, words[at + WINDOW])
    words[at + KEY_HIGH], words[at + KEY_LOW] = wanted
    words[at + UNTIL] = 0
    words[at + GRAIN] = 0
    words[at + WINDOW] = window

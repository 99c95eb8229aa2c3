"""The layout of the table's file, in words of 8 bytes.

A header of one page is followed by segments of records; each segment is twice as long as the
previous one. A record holds the log of one bucket: a ring buffer of up to 60 entries. An entry
(time, total) states how many units had been charged by `time`. It does not depend on other entries,
so a process that dies between two writes never leaves a count that is too low. Times are
nanoseconds on the table's own clock, which never goes back.
"""

from __future__ import annotations

WORD = 8
MAGIC = int.from_bytes(b"NRVLIMIT", "little")
VERSION = 2

# Words of the header.
AT_MAGIC = 0
AT_VERSION = 1
AT_SEGMENTS = 2  # number of segments in use
AT_LAST = 3  # time of the latest charge to any bucket
AT_OFFSET = 4  # the table's clock minus the monotonic clock of the machine
AT_SYNC = 5  # a recent time on the table's clock, stored together with AT_WALL
AT_WALL = 6  # the wall clock at AT_SYNC, to resume the table's clock after a reboot
HEADER_WORDS = 4096 // WORD

# Words of a record. Four records fill a page, so no record crosses a page boundary.
KEY_HIGH = 0  # 0 in a record that was never used
KEY_LOW = 1
WINDOW = 2  # nanoseconds; after a window without a charge, another bucket may claim the record
RING = 3  # offset of the newest entry << 6 | number of entries, in one word to change them together
BASE = 4  # the total before the first entry
STEADY_UNTIL = 5  # until this time charges change only the newest entry, and no entry expires
MERGE_UNTIL = 6  # until this time charges merge into the newest entry
GRAIN = 7  # an entry may cover charges of this many nanoseconds
ENTRIES = 8  # the ring buffer: a time and a total for each entry
TOTAL = 1
ENTRY_WORDS = 2
MAX_ENTRIES = 60
RECORD_WORDS = ENTRIES + MAX_ENTRIES * ENTRY_WORDS

FIRST_SEGMENT = 1024  # number of records in the first segment
MAX_SEGMENTS = 12  # 4 GiB; sparse until used


def record_count(segment: int) -> int:
    """Return how many records a segment holds."""
    return FIRST_SEGMENT << segment


def segment_start(segment: int) -> int:
    """Return the word at which a segment begins; it ends where the next one begins."""
    return HEADER_WORDS + FIRST_SEGMENT * ((1 << segment) - 1) * RECORD_WORDS

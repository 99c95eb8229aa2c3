"""Where everything lies in the table's file, counted in words of 8 bytes.

A page of header, then segments of records, each segment twice as long as the one before. A record
is the log of one bucket: a ring of up to 60 entries. An entry says that what had ever been charged
up to its `end` was charged at its `time` or before: true of it alone, whatever the others say, so
no death between two writes can make a log say too little. Times are nanoseconds on the table's own
clock, which never goes back.
"""

from __future__ import annotations

WORD = 8
MAGIC = int.from_bytes(b"NRVLIMIT", "little")
VERSION = 2

# The header.
AT_MAGIC = 0
AT_VERSION = 1
AT_SEGMENTS = 2  # segments that may be used
AT_LAST = 3  # the latest time at which anything was charged
AT_SHIFT = 4  # the table's clock minus the machine's monotonic clock
AT_MARK = 5  # a time on the table's clock, and
AT_WALL = 6  # the wall clock at that time: what a restart of the machine is bridged by
HEADER_WORDS = 4096 // WORD

# A record; four of them fill a page, so none lies on two pages.
KEY_HIGH = 0  # 0: this record was never used
KEY_LOW = 1
WINDOW = 2  # nanoseconds; tells when the record may serve another bucket
RING = 3  # where the newest entry lies << 6 | entries: one word, so that both change at once
BASE = 4  # what had been charged before the first entry
STEADY = 5  # up to this time nothing changes but the newest entry: it grows, and no entry leaves
UNTIL = 6  # up to this time charges join the newest entry
GRAIN = 7  # nanoseconds an entry may span
LOG = 8  # the entries: each a time and an end
END = 1
ENTRY = 2
ENTRIES = 60
RECORD_WORDS = LOG + ENTRIES * ENTRY

FIRST_SEGMENT = 1024  # records
MOST_SEGMENTS = 12  # 4 GiB; sparse until used


def slots(segment: int) -> int:
    """Return how many records a segment holds."""
    return FIRST_SEGMENT << segment


def start(segment: int) -> int:
    """Return the word at which a segment begins; that of the next one is where it ends."""
    return HEADER_WORDS + FIRST_SEGMENT * ((1 << segment) - 1) * RECORD_WORDS

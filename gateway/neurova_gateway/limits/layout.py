"""Where everything lies in the table's file, counted in words of 8 bytes.

A page of header, then segments of records, each segment twice as long as the one before. A record
is the log of one bucket: a ring of up to 60 entries, each a time and what was charged up to it.
Times are nanoseconds on the table's own clock, which never goes back.
"""

from __future__ import annotations

WORD = 8
MAGIC = int.from_bytes(b"NRVLIMIT", "little")
VERSION = 1

# The header.
AT_MAGIC = 0
AT_VERSION = 1
AT_SEGMENTS = 2  # segments that may be used
AT_CHANGING = 3  # the record that is being changed, 0 for none: how a kill -9 is noticed
AT_LAST = 4  # the latest time at which anything was charged
AT_SHIFT = 5  # the table's clock minus the machine's monotonic clock
AT_MARK = 6  # a time on the table's clock, and
AT_WALL = 7  # the wall clock at that time: what a restart of the machine is bridged by
HEADER_WORDS = 4096 // WORD

# A record; four of them fill a page, so none lies on two pages.
KEY_HIGH = 0  # 0: this record was never used
KEY_LOW = 1
WINDOW = 2  # nanoseconds; tells when the record may serve another bucket
RING = 3  # first entry << 6 | entries: one word, so that both change at once
TOTAL = 4  # what the ring's entries add up to
UNTIL = 5  # charges up to this time join the newest entry
GRAIN = 6  # nanoseconds an entry may span
TIMES = 8  # each entry's last charge
ENTRIES = 60
COUNTS = TIMES + ENTRIES
RECORD_WORDS = COUNTS + ENTRIES

FIRST_SEGMENT = 1024  # records
MOST_SEGMENTS = 12  # 4 GiB; sparse until used


def slots(segment: int) -> int:
    """Return how many records a segment holds."""
    return FIRST_SEGMENT << segment


def start(segment: int) -> int:
    """Return the word at which a segment begins; that of the next one is where it ends."""
    return HEADER_WORDS + FIRST_SEGMENT * ((1 << segment) - 1) * RECORD_WORDS

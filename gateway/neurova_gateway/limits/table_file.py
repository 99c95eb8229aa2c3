"""Map, lock and extend the file of the table."""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
import threading
import time
import weakref
from pathlib import Path

from neurova.errors import StateError, Unavailable

from . import layout
from .layout import AT_LAST, AT_MAGIC, AT_SEGMENTS, AT_VERSION, WORD

LOCK_SECONDS = 0.1


class TableFile:
    """Share the words of one file among processes and threads.

    `words` and `segments` describe the mapping; both may change while the lock is held. The lock is
    `flock`, not `lockf`: a POSIX lock is lost when any code in the process closes the file, and it
    does not exclude a second table in the same process. A forked child shares the flock of its
    parent, so the child opens the file again.

    Raises StateError when the file is not a usable table.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mutex = threading.Lock()
        self.descriptor = self._open()
        self.words = memoryview(b"").cast("B").cast("Q")
        self.segments = 0
        self._stuck_at: int | None = None  # AT_LAST when a wait for the lock last timed out
        try:
            self.lock()
            self._check_layout()
            self.map_segments()
        except OSError as error:
            os.close(self.descriptor)
            raise self._state_error(
                error.strerror or str(error), "free disk space or fix the folder"
            ) from error
        except BaseException:
            os.close(self.descriptor)
            raise
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        reopen = weakref.WeakMethod(self.reopen)
        os.register_at_fork(after_in_child=lambda: (method := reopen()) and method())

    def lock(self) -> None:
        """Lock the file. Raises Unavailable if this takes longer than LOCK_SECONDS.

        A process holds the lock for microseconds, unless it is suspended meanwhile. After a
        timeout, further calls fail at once until a process has charged again, because waiting may
        block the event loop.
        """
        deadline = time.monotonic() + LOCK_SECONDS
        pause = 0.0
        while True:
            time.sleep(pause)  # at first `sleep(0)`, which only yields the processor
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                pause = min(pause + 0.000_01, 0.001)
            last_charge = self.words[AT_LAST] if self.segments else None
            is_stuck = last_charge is not None and last_charge == self._stuck_at
            if is_stuck or time.monotonic() > deadline:
                self._stuck_at = last_charge
                raise Unavailable(
                    "another process holds the lock and does not release it",
                    where=str(self.path),
                    fix="resume or kill the NEUROVA process that is stopped",
                )

    def unlock(self) -> None:
        """Release the lock, if it is held and the file is still open."""
        if self.descriptor >= 0:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def map_segments(self) -> None:
        """Map all segments that are in use according to the header."""
        segments = int.from_bytes(
            os.pread(self.descriptor, WORD, AT_SEGMENTS * WORD), sys.byteorder
        )
        mapped = mmap.mmap(self.descriptor, layout.segment_start(segments) * WORD)
        self.words = memoryview(mapped).cast("Q")
        self.segments = segments

    def add_segment(self) -> None:
        """Append a segment; the lock must be held.

        Raises Unavailable when the disk is full or the table has reached its maximum size.
        """
        if self.segments >= layout.MAX_SEGMENTS:
            raise Unavailable(
                "the table of rate limits is full: too many callers in one window",
                where=str(self.path),
            )
        try:
            self._extend(self.segments + 1)
            self.words[AT_SEGMENTS] = self.segments + 1
            self.map_segments()
        except OSError as error:
            raise Unavailable(
                f"cannot grow: {error.strerror}", where=str(self.path), fix="free disk space"
            ) from error

    def reopen(self) -> None:
        """Open the file again, after a fork: the old descriptor shares the parent's lock."""
        self.mutex = threading.Lock()
        inherited, self.descriptor = self.descriptor, -1
        if inherited < 0:
            return
        try:
            fresh = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            if os.path.samestat(os.fstat(fresh), os.fstat(inherited)):
                self.descriptor = fresh
            else:
                os.close(fresh)  # the file was replaced: leave the table closed
        except OSError:
            pass
        os.close(inherited)

    def close(self) -> None:
        """Close the file; the counts stay in it."""
        with self.mutex:
            if self.descriptor >= 0:
                os.close(self.descriptor)
            self.descriptor = -1
            self.words = memoryview(b"").cast("B").cast("Q")

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise StateError(
                "no such folder", where=str(self.path.parent), fix="create it"
            ) from None
        except OSError as error:
            raise self._state_error(
                error.strerror or str(error), "let this user read and write it and its folder"
            ) from error

    def _check_layout(self) -> None:
        """Initialize a new file; check that an existing one is a usable table."""
        begin = os.pread(self.descriptor, 3 * WORD, 0)
        magic, version, segments = (
            int.from_bytes(begin[at * WORD : at * WORD + WORD], sys.byteorder)
            for at in (AT_MAGIC, AT_VERSION, AT_SEGMENTS)
        )
        if magic == 0 and segments <= 1:  # new, or its creator died before writing the magic word
            self._extend(1)
            for at, word in (
                (AT_SEGMENTS, 1),
                (AT_VERSION, layout.VERSION),
                (AT_MAGIC, layout.MAGIC),
            ):
                os.pwrite(self.descriptor, word.to_bytes(WORD, sys.byteorder), at * WORD)
            return
        size = os.fstat(self.descriptor).st_size
        if magic != layout.MAGIC or not 1 <= segments <= layout.MAX_SEGMENTS:
            fault = "is not a table of rate limits"
        elif version != layout.VERSION:
            fault = f"has layout {version}, this version of NEUROVA reads {layout.VERSION}"
        elif size < layout.segment_start(segments) * WORD:
            fault = "was truncated"
        else:
            return
        raise self._state_error(fault, "stop NEUROVA and delete it; all counts are lost")

    def _extend(self, segments: int) -> None:
        """Reserve disk blocks: writing to a mapped page without a block would kill the process."""
        begin = 0 if segments == 1 else layout.segment_start(segments - 1) * WORD
        length = layout.segment_start(segments) * WORD - begin
        if sys.platform == "darwin":  # macOS has no posix_fallocate
            for offset in range(begin, begin + length, 1 << 20):
                os.pwrite(self.descriptor, bytes(min(1 << 20, begin + length - offset)), offset)
        else:
            os.posix_fallocate(self.descriptor, begin, length)

    def _state_error(self, what: str, fix: str) -> StateError:
        return StateError(what, where=str(self.path), fix=fix)

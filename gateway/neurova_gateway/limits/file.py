"""The table's file: mapped into memory, locked, grown."""

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
from .layout import AT_MAGIC, AT_SEGMENTS, AT_VERSION, WORD

LOCK_SECONDS = 1.0
_open: weakref.WeakSet[TableFile] = weakref.WeakSet()
_watching_forks = False


class TableFile:
    """Share the words of one file among processes and threads.

    `words` and `segments` are what is mapped now; both may change while the lock is held. Locked by
    `flock`, not `lockf`: a POSIX lock would vanish when anything in the process closes the file,
    and would not part two tables in one process. A flock belongs to the opened file, which a fork
    shares, so a child opens its own.

    Raises StateError when the file cannot be a table, with what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mutex = threading.Lock()
        self.descriptor = self._opened()
        self.words = memoryview(b"").cast("B").cast("Q")
        self.segments = 0
        try:
            self.wait()
            self._check()
            self.map()
        except OSError as error:
            os.close(self.descriptor)
            raise StateError(
                f"{path}: {error.strerror}: free the disk or mend the folder"
            ) from error
        except BaseException:
            os.close(self.descriptor)
            raise
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        _watch_forks(self)

    def _opened(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise StateError(f"{self.path.parent}: no such folder: create it") from None
        except OSError as error:
            raise StateError(
                f"{self.path}: {error.strerror}: let this user read and write it and its folder"
            ) from error

    def _check(self) -> None:
        """Lay the file out if it is new, else see that it can be used."""
        begin = os.pread(self.descriptor, 3 * WORD, 0)
        magic, version, segments = (
            int.from_bytes(begin[at * WORD : at * WORD + WORD], sys.byteorder)
            for at in (AT_MAGIC, AT_VERSION, AT_SEGMENTS)
        )
        if magic == 0 and segments <= 1:  # new, or its maker died before it was done
            self._extend(1)
            for at, word in (
                (AT_SEGMENTS, 1),
                (AT_VERSION, layout.VERSION),
                (AT_MAGIC, layout.MAGIC),
            ):
                os.pwrite(self.descriptor, word.to_bytes(WORD, sys.byteorder), at * WORD)
            return
        size = os.fstat(self.descriptor).st_size
        if magic != layout.MAGIC or not 1 <= segments <= layout.MOST_SEGMENTS:
            wrong = "is no table of rate limits"
        elif version != layout.VERSION:
            wrong = f"has layout {version}, this version of NEUROVA reads {layout.VERSION}"
        elif size < layout.start(segments) * WORD:
            wrong = "has been cut short"
        else:
            return
        raise StateError(f"{self.path} {wrong}: stop NEUROVA and delete it; all limits start anew")

    def _extend(self, segments: int) -> None:
        """Reserve the disk blocks first: a page without one would kill us when it is written."""
        begin = 0 if segments == 1 else layout.start(segments - 1) * WORD
        length = layout.start(segments) * WORD - begin
        if sys.platform == "darwin":  # it has no posix_fallocate
            for offset in range(begin, begin + length, 1 << 20):
                os.pwrite(self.descriptor, bytes(min(1 << 20, begin + length - offset)), offset)
        else:
            os.posix_fallocate(self.descriptor, begin, length)

    def map(self) -> None:
        """Map all segments that the header announces."""
        segments = int.from_bytes(
            os.pread(self.descriptor, WORD, AT_SEGMENTS * WORD), sys.byteorder
        )
        mapped = mmap.mmap(self.descriptor, layout.start(segments) * WORD)
        self.words = memoryview(mapped).cast("Q")
        self.segments = segments

    def grow(self) -> None:
        """Append a segment; to be called under the lock.

        Raises Unavailable when the disk is full or the table as large as it may become.
        """
        if self.segments >= layout.MOST_SEGMENTS:
            raise Unavailable(f"{self.path} is full: too many different callers in one window")
        try:
            self._extend(self.segments + 1)
            self.words[AT_SEGMENTS] = self.segments + 1
            self.map()
        except OSError as error:
            raise Unavailable(
                f"{self.path} cannot grow: {error.strerror}: free the disk"
            ) from error

    def wait(self) -> None:
        """Take the lock that somebody else has; raise Unavailable if it is not had in a second.

        A holder needs microseconds, unless it was stopped: then to refuse is better than to hang.
        """
        deadline = time.monotonic() + LOCK_SECONDS
        pause = 0.0
        while True:
            time.sleep(pause)  # 0: yields the processor
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                pause = min(pause + 0.000_01, 0.001)
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{self.path} is locked by a process that does not go on: is one stopped?"
                )

    def unlock(self) -> None:
        """Give the lock back, if it is had and the file still open."""
        if self.descriptor >= 0:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def reopen(self) -> None:
        """Part with the lock of the process that we were forked from."""
        self.mutex = threading.Lock()
        was = self.descriptor
        self.descriptor = -1
        try:
            fresh = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            if os.path.samestat(os.fstat(fresh), os.fstat(was)):
                self.descriptor = fresh
            else:
                os.close(fresh)  # another table by now; ours answers "unavailable"
        except OSError:
            pass
        if was >= 0:
            os.close(was)

    def close(self) -> None:
        """Let go of the file; what was counted stays in it."""
        _open.discard(self)
        with self.mutex:
            if self.descriptor >= 0:
                os.close(self.descriptor)
            self.descriptor = -1
            self.words = memoryview(b"").cast("B").cast("Q")


def _watch_forks(file: TableFile) -> None:
    global _watching_forks
    _open.add(file)
    if not _watching_forks:
        os.register_at_fork(after_in_child=_after_fork)
        _watching_forks = True


def _after_fork() -> None:
    for file in list(_open):
        file.reopen()

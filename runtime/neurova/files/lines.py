"""Append lines to a file that several processes share, and rotate it."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path


def append_lines(path: Path, lines: bytes, *, durable: bool = False) -> int:
    """Append whole lines and return the new size of the file; `durable` waits for the disk.

    The file is created with mode 0600, its folder with 0700. Raises OSError, also after a partial
    write.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # A large write becomes visible in parts, which would look like a truncated line.
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        # A full disk may have truncated the last line: start a new one.
        if size and os.pread(handle, 1, size - 1) != b"\n":
            lines = b"\n" + lines
        if os.write(handle, lines) < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if durable:
            os.fsync(handle)
        return os.fstat(handle).st_size
    finally:
        os.close(handle)


class RotatingFile:
    """Append whole lines; rename the file to `.1` at `max_bytes`, and keep `keep` old files.

    The file is opened for each write, so no process writes into a file that another has rotated.
    """

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep

    def append(self, lines: bytes, *, durable: bool = False) -> None:
        """Append lines; `durable` waits for the disk. Raises OSError."""
        if append_lines(self._path, lines, durable=durable) >= self._max_bytes:
            self._rotate()

    def _rotate(self) -> None:
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another process may have rotated the file while this one waited for the lock.
            if self._path.exists() and self._path.stat().st_size >= self._max_bytes:
                for number in range(self._keep - 1, 0, -1):
                    if self._rotated(number).exists():
                        self._rotated(number).replace(self._rotated(number + 1))
                self._path.replace(self._rotated(1))
        finally:
            os.close(lock)

    def _rotated(self, number: int) -> Path:
        return self._path.with_suffix(f".{number}{self._path.suffix}")

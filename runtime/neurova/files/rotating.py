"""A file of lines that several processes append to, and that any of them may rotate."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from . import whole_lines


class RotatingFile:
    """Append whole lines; at `max_bytes` the file is put aside as `.1`, and `keep` such stay.

    It is opened for each write, so that what one process rotates none goes on to fill. Rotating is
    done under a lock beside the file, by the first that comes.
    """

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep

    def append(self, lines: bytes) -> None:
        """Write lines. Raises OSError when the disk refuses, some of them too."""
        if whole_lines.append(self._path, lines) >= self._max_bytes:
            self._rotate()

    def _rotate(self) -> None:
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Whoever came first has rotated it: what is there now is another file.
            if self._path.exists() and self._path.stat().st_size >= self._max_bytes:
                for number in range(self._keep - 1, 0, -1):
                    if self._old(number).exists():
                        self._old(number).replace(self._old(number + 1))
                self._path.replace(self._old(1))
        finally:
            os.close(lock)

    def _old(self, number: int) -> Path:
        return self._path.with_suffix(f".{number}{self._path.suffix}")

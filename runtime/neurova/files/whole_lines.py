"""A file of lines that several processes append to, whatever a full disk has left of the last."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def append(path: Path, lines: bytes, *, durable: bool = False) -> int:
    """Append whole lines, and return how large the file is then; `durable`: when they are on disk.

    The file is its owner's alone, as is its folder where that is made. Raises OSError when the disk
    refuses, some of the lines too.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            lines = b"\n" + lines  # the line before was cut short: it is no part of these
        # One write with O_APPEND: processes that share the file do not mix lines.
        if os.write(handle, lines) < len(lines):  # the disk became full within it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if durable:
            os.fsync(handle)
        return os.fstat(handle).st_size
    finally:
        os.close(handle)

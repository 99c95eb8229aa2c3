"""What the system says of a process."""

from __future__ import annotations

import os
from pathlib import Path


def resident(pid: int) -> int | None:
    """Return the bytes of memory that a process holds, shared pages too; None: not to be known."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def handles(pid: int) -> int | None:
    """Return how many files and sockets a process has open; None: not to be known."""
    try:
        return sum(1 for _ in os.scandir(f"/proc/{pid}/fd"))
    except OSError:
        return None

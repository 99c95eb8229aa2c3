"""How much memory a process holds."""

from __future__ import annotations

import os
from pathlib import Path


def measurable() -> bool:
    """Tell whether this system says what a process holds."""
    return Path("/proc/self/statm").exists()


def machine() -> int:
    """Return the bytes of memory that this machine has, 0 when it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0


def of(pid: int) -> int:
    """Return the bytes of memory that a process holds, shared pages too; 0 when it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")

"""The memory of a process and of this machine, and the garbage collector."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def is_measurable() -> bool:
    """Return whether this system reports the memory of a process."""
    return Path("/proc/self/statm").exists()


def machine_total() -> int:
    """Return the bytes of memory of this machine, 0 if unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0


def resident(pid: int) -> int:
    """Return the resident bytes of a process, including shared pages; 0 if it has exited."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector while loading creates many long-lived objects.

    Otherwise collections that free nothing would take half of the loading time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

"""Locks among the processes of a machine: one octet of a file each, free when its process dies."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from ..errors import StateError
from .base import Claimed

PAUSE, LONGEST_PAUSE = 0.001, 0.02  # seconds


class LockFile:
    """Lock places 0 to 2**63 - 2 of the file at `path`, made when first needed; it stays empty.

    POSIX locks: a process has them, not a thread, and loses all when it closes the file anywhere.
    So there is one object a file in a process, which keeps it open, and who in the process has a
    place is the caller's business. Raises StateError when the file cannot be had.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def attempt(self, place: int) -> bool:
        """Lock a place, if no other process has it, and tell whether it did."""
        if self._descriptor < 0:
            self._open()
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            raise self._refused(error) from error
        return True

    async def take(self, place: int, deadline: float) -> None:
        """Lock a place, asking again and again; Claimed at `deadline` (event-loop seconds)."""
        loop, pause = asyncio.get_running_loop(), PAUSE
        while not self.attempt(place):
            if loop.time() + pause > deadline:
                raise Claimed("a call in another process had the key until the deadline")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def free(self, place: int) -> None:
        """Unlock a place."""
        if self._descriptor >= 0:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, place)

    def close(self) -> None:
        """Unlock everything."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __del__(self) -> None:
        self.close()

    def _open(self) -> None:
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> StateError:
        return StateError(
            f"{self.path} cannot be locked ({error.strerror}): let this user write it and its "
            "folder, on a local disk"
        )

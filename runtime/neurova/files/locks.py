"""Locks between processes of one machine, released by the system when a process ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ConfigError, StateError

FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.02  # seconds between two attempts to lock


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Wait for the lock of a folder and hold it. Raises OSError when the folder is missing."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def process_lock(path: Path, command: str, fix: str) -> Iterator[None]:
    """Hold the lock file at `path`, which contains the pid of this process.

    Raises ConfigError when another process holds the lock; its text says that `command` runs, and
    `fix` is its hint, with "PID" replaced. Raises StateError when the file cannot be written.
    """
    with os.fdopen(_open(path), "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = process_lock_owner(path)
            what = f"another `{command}` " + (f"runs (pid {pid})" if pid else "is starting")
            fix = fix.replace("PID", str(pid)) if pid else fix
            raise ConfigError(what, where=str(path.parent), fix=fix) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)  # the system may soon reuse the pid for another process


def process_lock_owner(path: Path) -> int:
    """Return the pid of the process that holds a process lock, 0 if none does."""
    try:
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = file.read().strip()
                return int(pid) if pid.isdecimal() else 0
            return 0
    except OSError:
        return 0


class ByteLocks:
    """Lock single bytes (0 to 2**63 - 2) of a file, which is created on demand and stays empty.

    Use one object per file and process: POSIX locks belong to the process, and closing any
    descriptor of the file releases them all. The locks do not exclude callers in the same process.
    Raises StateError when the file cannot be opened or locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def try_lock(self, offset: int) -> bool:
        """Lock a byte; return False if another process holds it."""
        if self._descriptor < 0:
            self._descriptor = _open(self.path)
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            raise StateError(
                f"cannot be locked: {error.strerror}",
                where=str(self.path),
                fix="put its folder on a local disk",
            ) from error
        return True

    async def lock(self, offset: int, deadline: float) -> None:
        """Wait for the lock of a byte. Raises TimeoutError at `deadline` (event-loop seconds)."""
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        while not self.try_lock(offset):
            if loop.time() + pause > deadline:
                raise TimeoutError
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def unlock(self, offset: int) -> None:
        """Unlock a byte."""
        if self._descriptor >= 0:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, offset)

    def close(self) -> None:
        """Unlock all bytes."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __del__(self) -> None:
        self.close()


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            fix="let this user write it and its folder",
        ) from error

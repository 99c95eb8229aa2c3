"""One `neurova run` a state folder: its workers are those of one supervisor."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurova.errors import ConfigError
from neurova.files import private

FILE = "run.lock"


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Keep other `neurova run` out; the system lets go when the process ends, however it does.

    Raises ConfigError that names the one that runs, StateError when the disk refuses.
    """
    with private.locked(state / FILE) as file:
        if file is None:
            pid = holder(state)
            who = f"pid {pid}" if pid else "it is starting"
            stop = f"kill {pid}" if pid else "end it"
            reload = f"kill -HUP {pid}" if pid else "SIGHUP"
            raise ConfigError(
                f"another `neurova run` works on the state folder {state} ({who}): {reload} makes "
                f"it take up new code, {stop} stops it; more workers are --workers; another "
                "project needs a [project] state of its own"
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)  # a pid that is left may be another's soon


def holder(state: Path) -> int:
    """Return the pid of the `neurova run` that works on a state folder, 0 when none does."""
    try:
        with (state / FILE).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                said = file.read().strip()
                return int(said) if said.isdecimal() else 0
            return 0
    except OSError:
        return 0

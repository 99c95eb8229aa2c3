"""One `neurova dev` a state folder: its key and its address are those of one process."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurova.errors import ConfigError, StateError

from . import private

FILE = "dev.lock"


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Keep other `neurova dev` out; the system lets go when the process ends, however it does.

    Raises ConfigError that says what runs there already, StateError when the disk refuses.
    """
    try:
        file = (state / FILE).open("a")
    except OSError as error:
        raise StateError(f"{state / FILE}: cannot be written: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            url = private.read(state / "address")
            where = f"answers on {url}" if url else "is starting"
            raise ConfigError(
                f"another `neurova dev` of this project {where}: use that one, or stop it first"
            ) from None
        # What one that was killed has left names nobody.
        (state / "address").unlink(missing_ok=True)
        yield

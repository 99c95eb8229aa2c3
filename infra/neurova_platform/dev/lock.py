"""One `neurova dev` a state folder: its key and its address are those of one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurova.errors import ConfigError
from neurova.files import private

FILE = "dev.lock"
ADDRESS = "address"
"""The file of the state folder that says where `neurova dev` answers."""


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Keep other `neurova dev` out; the system lets go when the process ends, however it does.

    Raises ConfigError that says what runs there already, StateError when the disk refuses.
    """
    with private.locked(state / FILE) as file:
        if file is None:
            url = private.read(state / ADDRESS)
            where = f"answers on {url}" if url else "is starting"
            raise ConfigError(
                f"another `neurova dev` of this project {where}: use that one, or stop it first"
            )
        # What one that was killed has left names nobody.
        (state / ADDRESS).unlink(missing_ok=True)
        yield

"""What workers serve, left in the state folder for the Admin API, which runs no project's code."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from neurova.endpoints.function import Function
from neurova.errors import StateError, Unavailable
from neurova.files.private import write_private_file
from neurova.settings.settings import Settings
from neurova_gateway.admin import sources

from .facts import facts

FILE = "functions.json"


def write(functions: Sequence[Function], settings: Settings) -> None:
    """Leave what is known of functions. Raises StateError when the disk refuses."""
    told = msgspec.json.encode(facts(functions, settings)).decode()
    write_private_file(settings.state / FILE, told)


def clear(state: Path) -> None:
    """Remove what others have left."""
    (state / FILE).unlink(missing_ok=True)


def reader(state: Path) -> Callable[[], Sequence[sources.Function]]:
    """Return what gives the functions that were left last, decoded once each time.

    It raises Unavailable while there is nothing, StateError for what is damaged.
    """
    path = state / FILE
    known: tuple[tuple[int, int], Sequence[sources.Function]] = (0, 0), ()

    def read() -> Sequence[sources.Function]:
        nonlocal known
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                mark = status.st_ino, status.st_mtime_ns
                if known[0] != mark:
                    found = msgspec.json.decode(file.read(), type=list[sources.Function])
                    known = mark, found
        except FileNotFoundError:
            raise Unavailable("no worker has said yet what it serves: ask in a moment") from None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StateError(f"{path}: cannot be read: {error}: restart the workers") from None
        return known[1]

    return read

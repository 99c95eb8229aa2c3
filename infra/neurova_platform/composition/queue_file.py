"""The file in the state folder that names the queues of all subscriptions.

Each process that has loaded the project writes this file. The command line and the admin process
of `neurova run` read it, because they import no code of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from neurova.bus.base import Queue
from neurova.errors import StateError
from neurova.files.private import read_private_file, write_private_file

FILE = "queues.json"


def write(state: Path, queues: Sequence[Queue]) -> None:
    """Write the queues if they have changed. Raises StateError."""
    text = msgspec.json.encode(sorted(queues)).decode()
    if text != (read_private_file(state / FILE) or "[]"):
        write_private_file(state / FILE, text)


def read(state: Path) -> list[Queue]:
    """Return the queues, none if no process has loaded the project yet. Raises StateError."""
    try:
        return msgspec.json.decode(read_private_file(state / FILE) or "[]", type=list[Queue])
    except msgspec.DecodeError as error:
        raise StateError(
            f"the file cannot be read: {error}",
            where=str(state / FILE),
            fix="delete it and start the platform again",
        ) from None

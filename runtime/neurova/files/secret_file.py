"""A file that holds what opens doors: its owner's alone, made when it is missing."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_LONGEST = 4096


class Exposed(Exception):
    """Others may read the file."""


def kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what the file holds, 4096 bytes at most; `make` gives it if there is no file.

    Raises Exposed when others may read the file, OSError when the disk refuses.
    """
    if not path.exists():
        _write(path, make())
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise Exposed
        return file.read(_LONGEST)


def _write(path: Path, content: bytes) -> None:
    # Written aside (mkstemp: 0600) and linked: whoever is first wins, and nobody reads half of it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)

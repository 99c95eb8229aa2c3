"""Small files that only their owner may read: keys, addresses, locks."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ..errors import StateError


def write(path: Path, text: str) -> None:
    """Put `text` into a file 0600, whole or not at all: a reader sees the old or the new one.

    Its folder is made 0700 when it is missing. Raises StateError when the disk refuses.
    """
    temporary = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes files 0600.
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise StateError(f"{path}: cannot be written: {error.strerror}; make room for it") from None


def read(path: Path) -> str | None:
    """Return the text of a file without surrounding space, None when there is no such file.

    Raises StateError when it cannot be read.
    """
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"{path}: cannot be read: {error}; mend it or remove it") from None


@contextmanager
def locked(path: Path) -> Iterator[TextIO | None]:
    """Hold the lock of a file, made 0600 when missing; None when another process holds it.

    The system lets go when the process ends, however it does. Raises StateError when the disk
    refuses.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(
            f"{path}: cannot be written: {error.strerror}; let this user write it and its folder"
        ) from None
    with os.fdopen(handle, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield file

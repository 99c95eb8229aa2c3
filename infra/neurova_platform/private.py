"""Small files that only their owner may read: keys, addresses."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from neurova.errors import StateError


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

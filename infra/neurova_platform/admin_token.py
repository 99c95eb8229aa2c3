"""What opens the Admin API: a token in the state folder, made at the first start."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from neurova.errors import StateError

FILE = "admin.token"
PREFIX = "nva_"
_SHORTEST = 32


def load(state: Path) -> str:
    """Return the token of a state folder, made 0600 if there is none.

    Raises StateError when others may read it, or it is none.
    """
    path = state / FILE
    try:
        if not path.exists():
            _make(path)
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            token = file.read(4096).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"{path}: cannot be read: {error}: mend it or remove it") from None
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise StateError(
            f"{path} may be read by others, who may have it by now: delete it, and it is made anew"
        )
    if len(token) < _SHORTEST or not token.isprintable() or " " in token:
        raise StateError(f"{path} is cut short or no token: delete it, and it is made anew")
    return token


def _make(path: Path) -> None:
    # Written aside and linked: whoever is first wins, and nobody reads half a token.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".admin-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(PREFIX + secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)

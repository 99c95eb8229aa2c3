"""What opens the Admin API: a token in the state folder, made at the first start."""

from __future__ import annotations

import secrets
from pathlib import Path

from neurova.errors import StateError
from neurova.files import secret_file

FILE = "admin.token"
PREFIX = "nva_"
_SHORTEST = 32


def load(state: Path) -> str:
    """Return the token of a state folder, made 0600 if there is none.

    Raises StateError when others may read it, or it is none.
    """
    path = state / FILE
    try:
        token = secret_file.kept(path, _made).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"{path}: cannot be read: {error}: mend it or remove it") from None
    except secret_file.Exposed:
        raise StateError(
            f"{path} may be read by others, who may have it by now: delete it, and it is made anew"
        ) from None
    if len(token) < _SHORTEST or not token.isprintable() or " " in token:
        raise StateError(f"{path} is cut short or no token: delete it, and it is made anew")
    return token


def _made() -> bytes:
    return f"{PREFIX}{secrets.token_urlsafe(32)}\n".encode()

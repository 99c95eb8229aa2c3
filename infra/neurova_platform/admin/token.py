"""The token of the Admin API: a file in the state folder, created at the first start."""

from __future__ import annotations

import secrets
from pathlib import Path

from neurova.errors import StateError
from neurova.files.private import load_or_create_secret

FILE = "admin.token"
PREFIX = "nva_"
MIN_LENGTH = 32


def load(state: Path) -> str:
    """Return the token of a state folder, which is created 0600 if it is missing.

    Raises StateError when other users may read the file, or it is not a token.
    """
    path = state / FILE
    token = load_or_create_secret(path, _create_token).decode("latin-1").strip()
    if len(token) < MIN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
        raise StateError(
            "is not an admin token",
            where=str(path),
            fix="delete it, a new one is created at the next start",
        )
    return token


def _create_token() -> bytes:
    return f"{PREFIX}{secrets.token_urlsafe(32)}\n".encode()

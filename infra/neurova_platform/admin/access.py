"""The listening socket of the Admin API, its token file and its address file."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurova.errors import ConfigError, StateError
from neurova.files.private import (
    load_or_create_secret,
    read_private_file,
    write_private_file,
)
from neurova.settings.gateway import is_loopback
from neurova.settings.settings import Settings

ADDRESS_FILE = "admin.address"
"""The file in the state folder that holds the URL of the Admin API."""
TOKEN_FILE = "admin.token"  # noqa: S105 - the name of a file
TOKEN_PREFIX = "nva_"  # noqa: S105 - not a secret
BACKLOG = 64
EXPOSED = "other machines can reach it, without TLS"
EXPOSED_FIX = "put a proxy with TLS in front"
_MIN_TOKEN_LENGTH = 32


def listen(settings: Settings, *, any_port: bool = False) -> socket.socket:
    """Return the listening socket of the Admin API.

    `any_port`: use a free port if the default port is in use. Raises ConfigError.
    """
    host, port = settings.admin.host, settings.admin.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        is_default = "admin.port" not in settings.origins
        if any_port and is_default and error.errno == errno.EADDRINUSE:
            return socket.create_server((host, 0), family=family, backlog=BACKLOG)
        raise ConfigError(
            f"the Admin API cannot listen on {host} port {port} ({error.strerror or error})",
            fix="stop the process that listens there, change admin.port or admin.host, "
            "or set admin.enabled = false",
        ) from None


def announcement(settings: Settings, url: str) -> str:
    """Return the lines that tell a user the URL and the token file of the Admin API."""
    place = "secrets" if settings.admin.token else settings.state / TOKEN_FILE
    lines = f"Admin API on {url} (token in {place})"
    if not is_loopback(settings.admin.host):
        lines += f"\nAdmin API: {EXPOSED}: {EXPOSED_FIX}"
    return lines


@contextmanager
def address_file(settings: Settings, url: str) -> Iterator[None]:
    """Write the URL to the address file.

    At the end, delete the file unless another process has written a different URL to it.
    """
    path = settings.state / ADDRESS_FILE
    write_private_file(path, url + "\n")
    try:
        yield
    finally:
        if read_private_file(path) == url:
            path.unlink(missing_ok=True)


def load_token(state: Path, configured: str = "") -> str:
    """Return the `configured` token, or else the token in the state folder's token file.

    Creates a missing token file (mode 0600). Raises ConfigError if the configured token is
    malformed, StateError if other users can read the file or it contains no token.
    """
    path = state / TOKEN_FILE
    token = configured or load_or_create_secret(path, _new_token).decode("latin-1").strip()
    is_well_formed = len(token) >= _MIN_TOKEN_LENGTH and token.isascii() and token.isprintable()
    if (not is_well_formed or " " in token) and configured:
        raise ConfigError(
            "is not an admin token",
            where="admin.token",
            fix=f"use {_MIN_TOKEN_LENGTH} or more visible ASCII characters",
        )
    if not is_well_formed or " " in token:
        raise StateError(
            "the file does not contain an admin token",
            where=str(path),
            fix="delete it, a new one is created at the next start",
        )
    return token


def _new_token() -> bytes:
    return f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}\n".encode()

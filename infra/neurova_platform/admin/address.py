"""Where the Admin API listens, and the file that says so."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from neurova.errors import ConfigError
from neurova.files.private import read_private_file, write_private_file
from neurova.settings.gateway import is_loopback
from neurova.settings.settings import Settings

from . import token as admin_token

FILE = "admin.address"
"""The file of the state folder that says where the Admin API answers."""
CONNECTIONS = 64
OPEN = "other machines can reach it, without TLS: put a proxy in front that has it"


def listen(settings: Settings, *, elsewhere: bool = False) -> socket.socket:
    """Return the listening socket of the Admin API.

    `elsewhere`: take a free port when that of the settings' default is taken. Raises ConfigError.
    """
    host, port = settings.admin.host, settings.admin.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=CONNECTIONS)
    except OSError as error:
        if elsewhere and error.errno == errno.EADDRINUSE and "admin.port" not in settings.origins:
            return socket.create_server((host, 0), family=family, backlog=CONNECTIONS)
        raise ConfigError(
            f"the Admin API cannot have {host} port {port} ({error.strerror or error}): stop what "
            "listens there, set another admin.port or admin.host, or admin.enabled = false"
        ) from None


def announced(settings: Settings, url: str) -> str:
    """Say where the Admin API answers, what opens it, and who can reach it."""
    said = f"admin: {url}, its token lies in {settings.state / admin_token.FILE}"
    if not is_loopback(settings.admin.host):
        said += f"\nadmin: {OPEN}"
    return said


@contextmanager
def written(settings: Settings, url: str) -> Iterator[None]:
    """Let the file say where, until the block ends, or another platform on the folder says it."""
    path = settings.state / FILE
    write_private_file(path, url + "\n")
    try:
        yield
    finally:
        if read_private_file(path) == url:
            path.unlink(missing_ok=True)

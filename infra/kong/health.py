"""Exit with 0 if Kong and all its plugin servers accept connections."""

import os
import socket
import sys
from pathlib import Path

PROXY = ("127.0.0.1", int(os.environ.get("KONG_HEALTH_PORT", "8000")))
PLUGINS = Path(os.environ.get("PLUGINS", "/opt/plugins"))
PREFIX = Path(os.environ.get("KONG_PREFIX", "/usr/local/kong"))


def check(family: int, address: tuple[str, int] | str) -> None:
    """Connect once. Raises OSError."""
    with socket.socket(family) as connection:
        connection.settimeout(2)
        connection.connect(address)


try:
    check(socket.AF_INET, PROXY)
    for folder in PLUGINS.iterdir():
        check(socket.AF_UNIX, str(PREFIX / f"{folder.name}.sock"))
except OSError as error:
    sys.exit(f"{type(error).__name__}: {error}")

"""Run server processes, each in its own folder, and wait until they are ready."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    home: str,
    is_ready: Callable[[], bool],
    timeout: float,
    **options: Any,
) -> Iterator[int]:
    """Run a server until the block ends; yield its process id once it is ready.

    At the end, kill the server and its children.
    """
    log = Path(home) / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=home, stdout=output, stderr=output, start_new_session=True, **options
        )
    try:
        end = time.monotonic() + timeout
        while not is_ready():
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, f"{name} did not start"
            time.sleep(0.05)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def listens(port: int) -> bool:
    """Return whether a server on loopback accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def responds(port: int, path: str) -> bool:
    """Return whether a server on loopback responds with 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()

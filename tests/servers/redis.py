"""A real Redis server for tests: an existing installation, or one that the tests install.

`redis` is the session's server; each test uses its own keys. `own_redis` is a server for one
test, which may stop, kill and start it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.servers.apt import can_install, installing
from tests.servers.found import missing

VARIABLE = "NEUROVA_TEST_REDIS_URL"
TIMEOUT = 30.0  # seconds to start


class RedisServer:
    """A server at `url` that keeps its data when it is killed (append-only file)."""

    def __init__(self, binary: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._folder = folder
        self._command = [binary, "--port", str(self._port), "--bind", "127.0.0.1", "--dir"]
        self._command += [str(folder), "--save", "", "--appendonly", "yes"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it responds."""
        with (self._folder / "output").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        end = time.monotonic() + TIMEOUT
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "output").read_text()[-2000:]
            assert time.monotonic() < end, "Redis did not start"
            time.sleep(0.01)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; if it is SIGKILL or SIGTERM, wait until the server has exited."""
        assert self._process is not None
        self._process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._process.wait()

    def stop(self) -> None:
        """Stop the server if it is running."""
        if self._process is not None and self._process.poll() is None:
            self.end()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 5) as server:
            server.sendall(b"PING\r\n")
            return server.recv(16).startswith(b"+PONG")
        return False


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the URL of a server."""
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    yield from (server.url for server in serve())


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """Return a running server for one test only."""
    yield from serve()


def serve() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="neurova-redis-") as folder:
        server = RedisServer(_find_or_install(), Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _find() -> str | None:
    return shutil.which("redis-server")


def _find_or_install() -> str:
    if found := _find():
        return found
    if not can_install():
        missing("Redis", f"install redis-server, or set {VARIABLE}")
    with installing("Redis", _find) as install:
        if install is not None:
            install("redis-server")
    found = _find()
    if found is None:
        missing("Redis", "the package redis-server has no redis-server")
    return found

"""VictoriaLogs, which takes Loki's push API; built with Go."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from tests.servers.go_program import built
from tests.servers.ports import free_ports

VARIABLE = "NEUROVA_TEST_VICTORIALOGS_URL"
TIMEOUT = 30.0  # seconds to start


@pytest.fixture(scope="session")
def victorialogs() -> Iterator[str]:
    """Return the URL of a server without data; `/insert` is the prefix of Loki's API."""
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    program = built("victoria-logs")
    with tempfile.TemporaryDirectory(prefix="neurova-victorialogs-") as home:
        (port,) = free_ports(1)
        command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={home}/data"]
        with (Path(home) / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log)
        try:
            end = time.monotonic() + TIMEOUT
            while not _answers(port):
                assert process.poll() is None, (Path(home) / "log").read_text()[-2000:]
                assert time.monotonic() < end, "VictoriaLogs did not start"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()

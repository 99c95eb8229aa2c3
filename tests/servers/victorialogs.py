"""VictoriaLogs, which accepts Loki's push API; built with Go."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import partial

import pytest
from tests.servers.go_program import built
from tests.servers.ports import free_ports
from tests.servers.process import responds, running

VARIABLE = "NEUROVA_TEST_VICTORIALOGS_URL"
TIMEOUT = 30.0  # seconds to start


@pytest.fixture(scope="session")
def victorialogs() -> Iterator[str]:
    """Return the URL of an empty server; `/insert` is the prefix of Loki's API."""
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    program = built("victoria-logs")
    with tempfile.TemporaryDirectory(prefix="neurova-victorialogs-") as home:
        (port,) = free_ports(1)
        command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={home}/data"]
        with running("VictoriaLogs", command, home, partial(responds, port, "/health"), TIMEOUT):
            yield f"http://127.0.0.1:{port}"

"""An MLflow server of the development environment, on a port of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.servers.found import missing

VARIABLE = "NEUROVA_TEST_MLFLOW_URL"
TIMEOUT = 600.0  # seconds to start: it creates its database first, and imports much
OPTIONS = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[str]:
    """Return the URL of an MLflow server that stores its own artifacts."""
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    if find_spec("mlflow") is None:
        missing("MLflow server", f"mlflow is not installed (or set {VARIABLE})")
    with tempfile.TemporaryDirectory(prefix="neurova-mlflow-") as home:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        store = ("--backend-store-uri", f"sqlite:///{home}/mlflow.db")
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(port), *store, "--artifacts-destination", f"{home}/artifacts"]
        with (Path(home) / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--workers", "1"],
                cwd=home,
                stdout=log,
                stderr=log,
                env={**os.environ, **OPTIONS},
                start_new_session=True,
            )
        try:
            end = time.monotonic() + TIMEOUT
            while not _answers(port):
                assert process.poll() is None, (Path(home) / "log").read_text()[-2000:]
                assert time.monotonic() < end, "the MLflow server did not start"
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 9)  # it has started workers
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

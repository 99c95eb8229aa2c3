"""The MLflow server of the development environment, on a free port."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec

import pytest
from tests.servers.found import missing
from tests.servers.ports import free_ports
from tests.servers.process import responds, running

VARIABLE = "NEUROVA_TEST_MLFLOW_URL"
TIMEOUT = 600.0  # seconds to start: it imports many modules and creates its database
OPTIONS = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[str]:
    """Return the URL of an MLflow server that also stores artifacts."""
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    if find_spec("mlflow") is None:
        missing("MLflow server", f"mlflow is not installed (or set {VARIABLE})")
    with tempfile.TemporaryDirectory(prefix="neurova-mlflow-") as home:
        (port,) = free_ports(1)
        store = ("--backend-store-uri", f"sqlite:///{home}/mlflow.db")
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(port), *store, "--artifacts-destination", f"{home}/artifacts"]
        command += ["--workers", "1"]
        is_ready = partial(responds, port, "/health")
        environment = {**os.environ, **OPTIONS}
        with running("MLflow", command, home, is_ready, TIMEOUT, env=environment):
            yield f"http://127.0.0.1:{port}"

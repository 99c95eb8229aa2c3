"""AWS APIs on loopback: moto's server, from the development requirements."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.servers.ports import free_ports
from tests.servers.process import responds, running

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The credentials of the server, which takes any."""


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """Return the URL of a server that all tests share, so each test uses its own names."""
    (port,) = free_ports(1)
    command = [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with tempfile.TemporaryDirectory(prefix="neurova-moto-") as home:
        is_ready = partial(responds, port, "/moto-api/data.json")
        with running("moto", command, home, is_ready, 60):
            yield f"http://127.0.0.1:{port}"


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point AWS clients at the server; return its URL."""
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": moto_url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return moto_url

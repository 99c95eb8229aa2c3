"""Fixtures that add streaming functions to the probe."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.conftest import HttpServer


@pytest.fixture
def streams(server: HttpServer, probe_project: Path) -> HttpServer:
    """Add the functions of `streams/` to the probe."""
    for file in Path(__file__).with_name("streams").glob("*.py"):
        shutil.copy(file, probe_project / "functions" / "probe")
    server.platform.platform.load()
    return server


def namespace(server: HttpServer, name: str) -> dict[str, Any]:
    """Return the globals of a function's module."""
    for function in server.platform.platform.functions():
        if function.name == f"probe.{name}":
            return inspect.unwrap(function.handler).__globals__  # type: ignore[attr-defined]  # bound
    raise AssertionError(name)


def set_options(server: HttpServer, **options: float) -> None:
    """Change settings of the running gateway."""
    gateway = server.platform.platform.gateway
    gateway.options = msgspec.structs.replace(gateway.options, **options)

"""Fixtures for every folder: a small project, run whole, and its two entry points."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from tests.servers.postgres import own_postgres, postgres

from neurova_gateway.server.protocol import GatewayProtocol
from neurova_platform.testing.platform import TestPlatform

__all__ = ["own_postgres", "postgres"]  # fixtures, for every folder

PROBE = Path(__file__).with_name("probe")  # a small project with one service


def copy_probe(folder: Path) -> Path:
    """Copy the project with the service `probe` to `folder`, and return it."""
    return shutil.copytree(PROBE, folder, ignore=shutil.ignore_patterns("__pycache__"))


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a case with a long value by its argument: such a value may differ in each run."""
    return argname if isinstance(val, str | bytes) and len(val) > 40 else None


@pytest.fixture
def probe_project(tmp_path: Path) -> Path:
    """Return a project with the service `probe`."""
    return copy_probe(tmp_path / "project")


@pytest.fixture
def probe(probe_project: Path, tmp_path: Path) -> Iterator[TestPlatform]:
    """Run the probe; calls go through the ASGI entry point."""
    with TestPlatform(probe_project, tmp_path / "state") as running:
        yield running


class Door:
    """The protocol door of a platform, on a port, for octets."""

    def __init__(self, platform: TestPlatform) -> None:
        self.platform = platform
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(
            platform.platform.asgi,
            http=partial(GatewayProtocol, platform.platform.connection_manager),  # type: ignore[arg-type]
            lifespan="off",
            ws="none",
            log_config=None,
        )
        config.load()
        self.server = uvicorn.Server(config)
        self.server.lifespan = config.lifespan_class(config)

    def open(self) -> None:
        """Listen."""
        self.run(self.server.startup([self._listener]))

    def close(self) -> None:
        """Drain and end."""
        self.run(self.server.shutdown([self._listener]))

    def run(self, coroutine):  # type: ignore[no-untyped-def]
        """Run a coroutine on the platform's loop."""
        return self.platform.run(coroutine)

    async def talk(self, octets: bytes, *, eof: bool = False) -> bytes:
        """Send octets on a fresh connection and return all that comes until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(octets)
        if eof:
            writer.write_eof()
        try:
            return await asyncio.wait_for(reader.read(), 30)
        finally:
            writer.close()

    def exchange(self, octets: bytes, *, eof: bool = False) -> bytes:
        """Talk once."""
        answer: bytes = self.run(self.talk(octets, eof=eof))
        return answer


@pytest.fixture
def door(probe: TestPlatform) -> Iterator[Door]:
    """Open the probe's protocol door."""
    opened = Door(probe)
    opened.open()
    yield opened
    opened.close()

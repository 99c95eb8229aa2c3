"""Fixtures for all tests: a small project that runs completely, and its two entry points."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from tests.servers.apicurio import apicurio
from tests.servers.clickhouse import clickhouse_server
from tests.servers.mlflow import mlflow_server
from tests.servers.moto import aws, moto_url
from tests.servers.openbao import openbao, own_openbao
from tests.servers.opensearch import opensearch
from tests.servers.postgres import own_postgres, postgres
from tests.servers.rabbitmq import own_rabbitmq, rabbitmq, rabbitmq_url
from tests.servers.redis import own_redis, redis_url
from tests.servers.toxiproxy import toxiproxy
from tests.servers.victorialogs import victorialogs

from neurova_gateway.server.connection_manager import ConnectionManager
from neurova_gateway.server.protocol import GatewayProtocol
from neurova_platform.testing.platform import TestPlatform

__all__ = [
    "apicurio",
    "aws",
    "clickhouse_server",
    "mlflow_server",
    "moto_url",
    "openbao",
    "opensearch",
    "own_openbao",
    "own_postgres",
    "own_rabbitmq",
    "own_redis",
    "postgres",
    "rabbitmq",
    "rabbitmq_url",
    "redis_url",
    "toxiproxy",
    "victorialogs",
]  # fixtures for all folders

PROBE = Path(__file__).with_name("probe")  # a small project with one service
LETTERS = Path(__file__).with_name("letters")  # a project with two subscriptions
LIBRARIES = Path(__file__).with_name("libraries")  # a project that uses OpenTelemetry's API


def sell(platform: TestPlatform, *items: str, buyer: str = "ada") -> None:
    """Publish a sale of each item in the LETTERS project."""
    for item in items:
        assert platform.post(f"/sell/{item}/{buyer}").status == 204


def copy_probe(folder: Path) -> Path:
    """Copy the project with the service `probe` to `folder`, and return it."""
    return shutil.copytree(PROBE, folder, ignore=shutil.ignore_patterns("__pycache__"))


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Use the argument's name as the id of a long value, because that may differ in each run."""
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


class HttpServer:
    """A platform's HTTP/1.1 server on a free port, for raw requests."""

    def __init__(self, platform: TestPlatform) -> None:
        self.platform = platform
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(
            platform.platform.asgi,
            http=partial(GatewayProtocol, platform.platform.connection_manager),  # type: ignore[arg-type]  # as serve.py
            lifespan="off",
            ws="none",
            log_config=None,
        )
        config.load()
        self.uvicorn = uvicorn.Server(config)
        self.uvicorn.lifespan = config.lifespan_class(config)

    @property
    def manager(self) -> ConnectionManager:
        """Return the connection manager."""
        return self.platform.platform.connection_manager

    async def open(self) -> None:
        """Start to listen."""
        await self.uvicorn.startup([self._listener])

    async def close(self) -> None:
        """Drain and stop the server."""
        await self.uvicorn.shutdown([self._listener])

    async def connect(self, **options: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a client connection."""
        return await asyncio.open_connection("127.0.0.1", self.port, **options)

    async def send(self, data: bytes, *, eof: bool = False) -> bytes:
        """Send bytes on a new connection and return the response, read until EOF."""
        reader, writer = await self.connect()
        writer.write(data)
        if eof:
            writer.write_eof()
        try:
            return await asyncio.wait_for(reader.read(), 30)
        finally:
            writer.close()


@asynccontextmanager
async def http_server(project: Path, state: Path) -> AsyncIterator[HttpServer]:
    """Run a project and its HTTP/1.1 server on the running event loop."""
    async with TestPlatform(project, state) as platform:
        server = HttpServer(platform)
        await server.open()
        yield server
        await server.close()


@pytest.fixture
async def server(probe_project: Path, tmp_path: Path) -> AsyncIterator[HttpServer]:
    """Run the probe and its HTTP/1.1 server."""
    async with http_server(probe_project, tmp_path / "state") as opened:
        yield opened

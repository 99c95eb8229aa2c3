"""The schema registries under the contract."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from neurova.schemas.base import SchemaRegistry
from neurova.schemas.confluent import ConfluentRegistry
from neurova.schemas.rest import create_app
from neurova.schemas.sqlite import SqliteRegistry
from neurova_platform.side_server import serve_app

PARAMETERS: list[Any] = [
    pytest.param("sqlite"),
    pytest.param("embedded over HTTP", marks=pytest.mark.server),
    pytest.param("apicurio", marks=pytest.mark.server),
]


@contextmanager
def served(registry: SqliteRegistry, **options: Any) -> Iterator[str]:
    """Serve a registry's REST API on a thread; yield its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    ready, done = threading.Event(), asyncio.Event()

    async def serve() -> None:
        app = create_app(registry, **options)
        async with serve_app(lambda: app, listener, limit_concurrency=1000):
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(30)
        loop.close()
        listener.close()


@contextmanager
def opened(request: pytest.FixtureRequest) -> Iterator[SchemaRegistry]:
    """Open the backend named by the test's parameter."""
    if request.param == "apicurio":
        yield ConfluentRegistry(request.getfixturevalue("apicurio"), timeout=60)
        return
    path: Path = request.getfixturevalue("tmp_path")
    registry = SqliteRegistry(path / "registry.db")
    try:
        if request.param == "sqlite":
            yield registry
        else:
            with served(registry, token="secret", hosts=["127.0.0.1"]) as url:
                yield ConfluentRegistry(url, "secret", timeout=60)
    finally:
        registry.close()

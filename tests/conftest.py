"""What many tests stand on: a small project, run whole, and its two doors."""

from __future__ import annotations

import asyncio
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

PROBE = {
    "domain.py": '''"""What the probe counts."""

import msgspec


class Echo(msgspec.Struct):
    """A body that comes back."""

    text: str
    times: int = 1


counted: list[str] = []
''',
    "count.py": '''"""Tell how often functions ran."""

from neurova import get

from .domain import counted


@get("/count", public=True)
async def count() -> dict[str, int]:
    return {"count": len(counted)}
''',
    "echo.py": '''"""Give back what came."""

from neurova import post

from .domain import Echo, counted


@post("/echo", scopes=["probe:write"])
async def echo(body: Echo) -> Echo:
    counted.append("echo")
    return body
''',
    "item.py": '''"""One item, for anybody with a key."""

from neurova import Caller, get

from .domain import counted


@get("/items/{id}")
async def item(id: str, caller: Caller) -> dict[str, str]:
    counted.append("item")
    return {"id": id, "consumer": caller.consumer}
''',
    "wait.py": '''"""Take a while."""

import asyncio

from neurova import get

from .domain import counted


@get("/wait/{ms}", public=True)
async def wait(ms: int) -> dict[str, int]:
    await asyncio.sleep(ms / 1000)
    counted.append("wait")
    return {"waited": ms}
''',
    "secret.py": '''"""Something that only one scope opens."""

from neurova import get

from .domain import counted


@get("/secret", scopes=["probe:secret"], limit="1000/second")
async def secret() -> str:
    counted.append("secret")
    return "told"
''',
    "legacy.py": '''"""A whole app that only one scope opens."""

from neurova import mount

from .domain import counted


async def app(scope, receive, send):
    assert scope["type"] == "http"
    counted.append("legacy")
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    body = b"" if scope["method"] == "HEAD" else b"told"
    await send({"type": "http.response.body", "body": body})


legacy = mount("/legacy", app, scopes=["probe:secret"], methods=["GET"])
''',
}


def lay_probe(folder: Path) -> Path:
    """Lay out a project with the service `probe`, and return its folder."""
    service = folder / "functions" / "probe"
    service.mkdir(parents=True)
    (folder / "neurova.toml").write_text('[project]\nname = "probe"\n')
    for name, source in PROBE.items():
        (service / name).write_text(source)
    return folder


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a case with a long value by its argument: such values may be made anew in each run."""
    return argname if isinstance(val, str | bytes) and len(val) > 40 else None


@pytest.fixture
def probe_project(tmp_path: Path) -> Path:
    """Return a project with the service `probe`."""
    return lay_probe(tmp_path / "project")


@pytest.fixture
def probe(probe_project: Path, tmp_path: Path) -> Iterator[TestPlatform]:
    """Run the probe, called through the ASGI door."""
    databases = tmp_path / "databases"
    databases.mkdir()
    with TestPlatform(probe_project, tmp_path / "state", databases) as running:
        yield running


class Door:
    """The protocol door of a platform, on a port, for octets."""

    def __init__(self, platform: TestPlatform) -> None:
        self.platform = platform
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(
            platform.platform.asgi,
            http=partial(GatewayProtocol, platform.platform.edge),  # type: ignore[arg-type]
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
        return self.platform._runner.run(coroutine)

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
